import { deliveries } from "@/lib/apis/manage-deliveries";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = deliveries;
