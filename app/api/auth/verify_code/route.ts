import { authVerifyCode } from "@/lib/dialects/bearer";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = authVerifyCode;
