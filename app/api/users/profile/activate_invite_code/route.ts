import { activateInviteCode } from "@/lib/dialects/users";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = activateInviteCode;
