import { confirmedLogout } from "@/lib/endpoints/oauth-logout";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = confirmedLogout;
