import { openIdConfiguration } from "@/lib/endpoints/oauth-metadata";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = openIdConfiguration;
