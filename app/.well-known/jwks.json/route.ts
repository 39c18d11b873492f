import { keys } from "@/lib/apis/openapi";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = keys;
