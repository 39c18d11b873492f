// Pages and APIs distinguish an outage from a bug by this function. They may not import lib/db.
export { isDatabaseAway } from "@/lib/db/database";
