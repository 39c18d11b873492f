import { movedTo } from "@/lib/endpoints/verbs";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = movedTo("/profile");
