import type { ReactNode } from "react";
import { Focused } from "@/components/focused";
import { Notice } from "@/components/notice";

/** A notice, above the heading, of what has just been done. It takes the focus when it appears and when `done` changes. */
export function DoneNotice({ done, children }: { done: string; children: ReactNode }) {
  return (
    <div className="mb-5">
      <Focused key={done}>
        <Notice>{children}</Notice>
      </Focused>
    </div>
  );
}
