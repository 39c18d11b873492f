import { continueAuthorization } from "@/lib/endpoints/oauth-authorize";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = continueAuthorization;
