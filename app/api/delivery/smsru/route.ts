import { smsruReports } from "@/lib/endpoints/delivery-reports";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = smsruReports;
