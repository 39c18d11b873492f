import { profileActivateInvite } from "@/lib/dialects/bearer";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = profileActivateInvite;
