// Pages and APIs tell an outage from a bug by this; lib/db itself is not theirs to import.
export { isDatabaseAway } from "@/lib/db/database";
