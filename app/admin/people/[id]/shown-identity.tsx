"use client";

import { type ReactNode, useActionState } from "react";
import { useFormStatus } from "react-dom";
import { showPerson } from "./actions";

/** The heading of a person's page: the masked identity, and a button that replaces it by the full one, which is recorded. */
export function ShownIdentity({
  id,
  words,
  children,
}: {
  id: number;
  words: { show: string; showing: string; recorded: string };
  children: ReactNode;
}) {
  const [shown, action] = useActionState(showPerson, null);
  return (
    <>
      <h1 className="tabular-nums">{shown ? shown.join(", ") : children}</h1>
      {shown ? (
        <p className="mt-1 text-small text-soft" role="status">
          {words.recorded}
        </p>
      ) : (
        <form action={action}>
          <input name="id" type="hidden" value={id} />
          <ShowButton showing={words.showing}>{words.show}</ShowButton>
        </form>
      )}
    </>
  );
}

function ShowButton({ showing, children }: { showing: string; children: string }) {
  const { pending } = useFormStatus();
  return (
    <button className="link text-small" type="submit">
      {pending ? showing : children}
    </button>
  );
}
