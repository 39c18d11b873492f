import { smsruReports } from "@/lib/apis/delivery";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = smsruReports;
