import { keys } from "@/lib/dialects/reference";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = keys;
