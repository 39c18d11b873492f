import type { Server } from "../fixtures";

const ENTITIES: Record<string, string> = { "&quot;": '"', "&amp;": "&", "&lt;": "<", "&gt;": ">", "&#x27;": "'" };

/** What a browser adds by itself unless `headers` say otherwise. */
type Sent = Omit<RequestInit, "headers"> & { headers?: Record<string, string> };

/**
 * A browser without scripts behind a proxy whose public address is `origin`. It keeps all cookies, even secure ones, because the
 * proxy speaks http to the server. It follows no redirect.
 */
export function openScriptless({ url }: Server, origin = url) {
  const { host, protocol } = new URL(origin);
  const forwarded = { "x-forwarded-host": host, "x-forwarded-proto": protocol.slice(0, -1) };
  const jar = new Map<string, string>();
  const seen: string[] = [];

  async function go(path: string, { headers, ...sent }: Sent = {}): Promise<Response> {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
    const own = sent.method ? { origin } : {};
    const answer = await fetch(new URL(path, url), {
      redirect: "manual",
      ...sent,
      headers: { ...forwarded, ...(cookie && { cookie }), ...(headers ?? own) },
    });
    for (const set of answer.headers.getSetCookie()) {
      seen.push(set);
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(set) ?? [];
      if (/max-age=0(;|$)|expires=Thu, 01 Jan 1970/i.test(set)) jar.delete(name);
      else jar.set(name, value);
    }
    return answer;
  }

  /** The form of a page that has a field or a button of that name, or of a class, with what is filled in already. */
  async function readForm(path: string, part: string): Promise<FormData> {
    const page = await (await go(path)).text();
    const form = page.match(/<form.*?<\/form>/gs)?.find((html) => html.includes(part));
    if (!form) throw new Error(`There is no form with ${part} at ${path}.`);
    const fields = new FormData();
    for (const [input] of form.matchAll(/<input[^>]*>/g)) {
      const read = (name: string) =>
        new RegExp(` ${name}="([^"]*)"`).exec(input)?.[1]?.replace(/&[^;]+;/g, (entity) => ENTITIES[entity] ?? "");
      const name = read("name");
      if (name) fields.set(name, read("value") ?? "");
    }
    return fields;
  }

  return {
    jar,
    /** Each Set-Cookie that came, whole. */
    seen,
    go,
    readForm,
    post: (path: string, fields: Record<string, string>, headers?: Sent["headers"]) =>
      go(path, { method: "POST", body: new URLSearchParams(fields), ...(headers && { headers }) }),
    /** Fills in the form of a page that has these fields, and presses its button. */
    async submit(path: string, fields: Record<string, string>, headers?: Sent["headers"]): Promise<Response> {
      const body = await readForm(path, `name="${Object.keys(fields)[0]}"`);
      for (const [name, value] of Object.entries(fields)) body.set(name, value);
      return go(path, { method: "POST", body, ...(headers && { headers }) });
    },
  };
}
