import { openapi } from "@/lib/endpoints/openapi";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = openapi;
