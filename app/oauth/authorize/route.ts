import { authorize } from "@/lib/endpoints/oauth-authorize";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = authorize;
