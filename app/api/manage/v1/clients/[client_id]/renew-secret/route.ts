import { clientSecretRenewal } from "@/lib/apis/manage-clients";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = clientSecretRenewal;
