// Pages and APIs, which may not import lib/db, tell an outage of the database from a bug by this function.
export { isDatabaseAway } from "@/lib/db/database";
