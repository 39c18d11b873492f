import { sendCode } from "@/lib/dialects/verification";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = sendCode;
