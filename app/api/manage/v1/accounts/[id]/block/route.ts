import { accountBlock } from "@/lib/apis/manage-accounts";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = accountBlock;
