import { ready } from "@/lib/dialects/operations";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = ready;
