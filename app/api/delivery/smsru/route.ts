import { smsruReports } from "@/lib/dialects/delivery";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = smsruReports;
