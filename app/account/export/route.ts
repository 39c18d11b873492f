import { accountExport } from "@/lib/dialects/account-export";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = accountExport;
