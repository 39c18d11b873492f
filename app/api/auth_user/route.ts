import { authUser } from "@/lib/apis/v1";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = authUser;
