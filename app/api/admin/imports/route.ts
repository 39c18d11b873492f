import { importUpload } from "@/lib/endpoints/import-upload";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = importUpload;
