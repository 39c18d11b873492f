import type { ProviderName } from "./switches";

/** A request to a provider. */
export interface ProviderRequest {
  /** The path below the provider's base address. */
  path: string;
  headers: Headers;
  body: string;
}

export interface Answer {
  status: number;
  /** A text is sent as it is, an object as JSON. */
  body: object | string;
}

/** A delivery report, and the address that it is sent to. */
export interface Report {
  url: string;
  headers: Record<string, string>;
  body: string;
}

/** A parsed request: the message in it, or for an invalid request the answer to it. */
export type ParsedRequest =
  | {
      to: string;
      text: string;
      /** The fields of the request, by the names of the provider's API, without secrets. */
      asked: Record<string, string>;
      /** The address for delivery reports, if the request names one. */
      callbackUrl?: string;
    }
  | { wrong: Answer };

/** The server side of a provider's API, written from the provider's documentation and not from our sender. */
export interface Provider {
  name: ProviderName;
  read: (asked: ProviderRequest) => ParsedRequest;
  newId: () => string;
  accept: (id: string, message: { to: string; text: string }, asked: ProviderRequest) => Answer;
  refuse: (message: { to: string }) => Answer;
  tooMany: Answer;
  /** Makes the delivery reports of an accepted message, in their order. With `isForged` they have a wrong signature. */
  reports?: (
    state: "delivered" | "undelivered",
    message: { id: string; to: string; url: string; isForged: boolean },
    asked: ProviderRequest,
  ) => Report[];
}

/** Matches a phone in E.164. */
export const E164_PATTERN = /^\+[1-9]\d{6,14}$/;

export const FORM_TYPE = "application/x-www-form-urlencoded";

/** Parses a form's fields. */
export const readForm = (body: string): Record<string, string> => Object.fromEntries(new URLSearchParams(body));

/** Parses the fields of a JSON object, with their values as text. Returns null for text that is no JSON. */
export function readJson(body: string): Record<string, string> | null {
  try {
    return Object.fromEntries(Object.entries(JSON.parse(body)).map(([name, value]) => [name, String(value)]));
  } catch {
    return null;
  }
}

/** Returns `fields` without those that `secrets` names. */
export function without(fields: Record<string, string>, secrets: string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !secrets.includes(name)));
}

/** Whether a secret is missing or contains the word `wrong`. The gateway accepts all other secrets. */
export const isWrongSecret = (secret: string | null | undefined): boolean => !secret || secret.includes("wrong");
