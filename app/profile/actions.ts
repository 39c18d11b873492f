"use server";

import { redirect } from "next/navigation";
import { logOut } from "@/lib/auth/nextauth";

/** Ends this browser's session. */
export async function leave(): Promise<void> {
  await logOut();
  redirect("/");
}
