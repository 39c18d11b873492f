import { webhookRotation } from "@/lib/apis/manage-webhooks";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = webhookRotation;
