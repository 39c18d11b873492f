import { webhookReplay } from "@/lib/apis/manage-webhook-deliveries";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = webhookReplay;
