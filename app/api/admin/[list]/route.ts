import { listExport } from "@/lib/endpoints/list-export";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = listExport;
