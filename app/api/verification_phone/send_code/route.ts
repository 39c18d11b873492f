import { sendCode } from "@/lib/apis/verification";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = sendCode;
