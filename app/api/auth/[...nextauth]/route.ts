import { nextauth } from "@/lib/dialects/nextauth";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = nextauth;
