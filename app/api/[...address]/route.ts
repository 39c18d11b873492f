import { nothing } from "@/lib/endpoints/not-found";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = nothing;
