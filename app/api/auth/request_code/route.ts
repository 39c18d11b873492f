import { authRequestCode } from "@/lib/apis/bearer";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = authRequestCode;
