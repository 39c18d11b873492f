import { policyDocument } from "@/lib/apis/service";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = policyDocument;
