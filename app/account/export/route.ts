import { accountExport } from "@/lib/endpoints/account-export";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = accountExport;
