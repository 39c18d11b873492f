"use server";

import { redirect } from "next/navigation";
import { logOut } from "@/lib/auth/nextauth";

/** Ends this browser's session and redirects to the home page. */
export async function logOutAndGoHome(): Promise<void> {
  await logOut();
  redirect("/");
}
