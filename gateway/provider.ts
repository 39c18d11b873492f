import type { ProviderName } from "./switches";

/** A request in one of the wire formats. */
export interface Asked {
  /** Below the provider's base address. */
  path: string;
  headers: Headers;
  body: string;
}

export interface Answer {
  status: number;
  /** An object is sent as JSON. */
  body: object | string;
}

/** Where a report goes, and what it says. */
export interface Report {
  url: string;
  headers: Record<string, string>;
  body: string;
}

/** What a request asks for: a message, or something that the provider would not take as it is. */
export type Reading =
  | {
      to: string;
      text: string;
      /** What was asked, by the names of the interface, without secrets. */
      asked: Record<string, string>;
      /** The request's own address for reports. */
      callbackUrl?: string;
    }
  | { wrong: Answer };

/** One wire format, from the provider's side, written from its documentation and not from our sender. */
export interface Provider {
  name: ProviderName;
  read: (asked: Asked) => Reading;
  newId: () => string;
  accept: (id: string, message: { to: string; text: string }, asked: Asked) => Answer;
  refuse: (message: { to: string }) => Answer;
  tooMany: Answer;
  /** What it reports of a message it has accepted, in order; a false one has a signature of somebody else's. */
  reports?: (
    state: "delivered" | "undelivered",
    message: { id: string; to: string; url: string; isFalse: boolean },
    asked: Asked,
  ) => Report[];
}

/** A phone as E.164 writes it. */
export const E164 = /^\+[1-9]\d{6,14}$/;

export const FORM = "application/x-www-form-urlencoded";

/** A form's fields, by their names. */
export const readForm = (body: string): Record<string, string> => Object.fromEntries(new URLSearchParams(body));

/** `fields` without those of these names. */
export function without(fields: Record<string, string>, secrets: string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !secrets.includes(name)));
}

/** Credentials with this word in them are wrong ones; any others will do. */
export const isWrongSecret = (secret: string | null | undefined): boolean => !secret || secret.includes("wrong");
