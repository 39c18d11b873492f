import { logout } from "@/lib/endpoints/oauth-logout";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = logout;
