import { userinfo } from "@/lib/endpoints/oauth-userinfo";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = userinfo;
