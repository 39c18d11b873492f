import { nothing } from "@/lib/apis/operations";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = nothing;
