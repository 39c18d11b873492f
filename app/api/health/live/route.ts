import { live } from "@/lib/endpoints/health";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = live;
