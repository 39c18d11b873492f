import { events } from "@/lib/apis/manage-events";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = events;
