import { live } from "@/lib/apis/operations";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = live;
