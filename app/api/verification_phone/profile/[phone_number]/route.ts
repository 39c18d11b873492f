import { profile } from "@/lib/apis/verification";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = profile;
