import { nextauthSession } from "@/lib/endpoints/nextauth";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = nextauthSession;
