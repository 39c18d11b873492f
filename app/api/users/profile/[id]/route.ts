import { profile } from "@/lib/dialects/users";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = profile;
