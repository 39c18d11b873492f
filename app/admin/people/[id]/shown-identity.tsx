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
  const identity = shown?.identity;
  return (
    <>
      <h1 className="break-words tabular-nums">
        {identity
          ? identity.map((text) => (
              <span className="block" key={text}>
                {text}
              </span>
            ))
          : children}
      </h1>
      <p className="mt-1 text-small text-soft" role="status">
        {identity ? words.recorded : shown?.problem}
      </p>
      {!identity && (
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
