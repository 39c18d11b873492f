import { applicationKeys } from "@/lib/endpoints/oauth-metadata";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = applicationKeys;
