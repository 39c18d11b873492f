import { enterCode } from "@/lib/apis/enter";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = enterCode;
