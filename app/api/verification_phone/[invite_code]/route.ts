import { registration } from "@/lib/apis/verification";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = registration;
