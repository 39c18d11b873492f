import { accountExport } from "@/lib/apis/account-export";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = accountExport;
