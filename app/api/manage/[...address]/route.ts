import { manageNotFound } from "@/lib/endpoints/not-found";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = manageNotFound;
