import { testNumber } from "@/lib/apis/manage-test-numbers";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = testNumber;
