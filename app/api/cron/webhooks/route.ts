import { webhookCron } from "@/lib/endpoints/webhook-cron";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = webhookCron;
