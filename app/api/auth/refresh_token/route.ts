import { refreshToken } from "@/lib/dialects/bearer";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = refreshToken;
