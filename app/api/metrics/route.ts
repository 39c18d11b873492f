import { metrics } from "@/lib/endpoints/metrics";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = metrics;
