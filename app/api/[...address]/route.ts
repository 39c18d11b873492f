import { nothing } from "@/lib/dialects/operations";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = nothing;
