import { postman } from "@/lib/apis/openapi";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = postman;
