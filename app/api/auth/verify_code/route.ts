import { authVerifyCode } from "@/lib/apis/bearer";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = authVerifyCode;
