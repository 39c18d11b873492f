import { ready } from "@/lib/apis/operations";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = ready;
