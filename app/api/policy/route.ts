import { policyDocument } from "@/lib/dialects/service";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = policyDocument;
