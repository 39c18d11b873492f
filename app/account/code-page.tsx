import Link from "next/link";
import type { ReactNode } from "react";
import { Sheet } from "@/components/sheet";
import { DemonstrationNotice } from "../demonstration-notice";

/** A page of the account on which one-time codes are typed. `back` is the text of its link to the account. */
export function CodePage({ back, children }: { back: string; children: ReactNode }) {
  return (
    <Sheet>
      {children}
      <p className="mt-6">
        <Link className="link" href="/account">
          {back}
        </Link>
      </p>
      <DemonstrationNotice />
    </Sheet>
  );
}
