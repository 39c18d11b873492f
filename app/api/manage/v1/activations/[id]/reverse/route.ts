import { activationReverse } from "@/lib/apis/manage-activations";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = activationReverse;
