import { enterPhone } from "@/lib/dialects/enter";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = enterPhone;
