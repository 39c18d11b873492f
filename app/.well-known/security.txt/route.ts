import { securityTxt } from "@/lib/endpoints/security-txt";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = securityTxt;
