import { nextauth } from "@/lib/apis/nextauth";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = nextauth;
