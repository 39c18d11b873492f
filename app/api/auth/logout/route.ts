import { logout } from "@/lib/apis/bearer";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = logout;
