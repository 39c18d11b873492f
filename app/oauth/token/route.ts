import { token } from "@/lib/endpoints/oauth-token";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = token;
