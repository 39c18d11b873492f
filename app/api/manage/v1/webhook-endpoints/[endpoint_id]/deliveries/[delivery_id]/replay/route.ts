import { webhookDeliveryReplay } from "@/lib/apis/manage-webhook-deliveries";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = webhookDeliveryReplay;
