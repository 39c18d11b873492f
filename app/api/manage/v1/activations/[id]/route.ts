import { activation } from "@/lib/apis/manage-activations";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = activation;
