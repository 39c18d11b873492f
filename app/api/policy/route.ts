import { policyDocument } from "@/lib/endpoints/policy";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = policyDocument;
