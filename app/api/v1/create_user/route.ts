import { createUser } from "@/lib/dialects/v1";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = createUser;
