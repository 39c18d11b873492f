import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { text } from "node:stream/consumers";
import type { Server } from "../fixtures";

export interface Asked {
  path: string;
  method?: string;
  headers?: Record<string, string | string[]>;
  body?: string;
}

export interface Answered {
  status: number;
  /** Each header as often as it came. */
  headers: Record<string, string[]>;
  body: string;
}

/** Requests a path unchanged, with any headers, without following redirects. Returns every header of the answer. */
export async function askRaw({ port }: Server, asked: Asked): Promise<Answered> {
  const { path, method = "GET", headers = {}, body = "" } = asked;
  const sent = request({ host: "localhost", port, path, method, headers }).end(body);
  const [answer] = (await once(sent, "response")) as [IncomingMessage];
  const found: Answered["headers"] = {};
  for (let at = 0; at < answer.rawHeaders.length; at += 2) {
    const [name = "", value = ""] = answer.rawHeaders.slice(at, at + 2);
    found[name.toLowerCase()] = [...(found[name.toLowerCase()] ?? []), value];
  }
  return { status: answer.statusCode ?? 0, headers: found, body: await text(answer) };
}
