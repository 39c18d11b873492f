import { authorizationServer } from "@/lib/endpoints/oauth-metadata";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = authorizationServer;
