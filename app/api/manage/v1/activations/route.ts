import { activations } from "@/lib/apis/manage-activations";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = activations;
