import { user } from "@/lib/apis/users";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = user;
