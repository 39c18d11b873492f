import { postman } from "@/lib/dialects/reference";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = postman;
