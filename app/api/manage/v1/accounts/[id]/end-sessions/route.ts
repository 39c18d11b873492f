import { accountEndSessions } from "@/lib/apis/manage-accounts";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = accountEndSessions;
