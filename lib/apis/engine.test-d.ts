// The compiler checks this file as part of `npm run check`; it is never run. It shows which declarations of an API don't compile.
import { z } from "zod";
import { fail } from "@/lib/core/result";
import { type Api, address, reply } from "./engine";
import { ENGLISH_MESSAGES } from "./messages";

const api: Api = {
  title: "test",
  description: "An API of these tests.",
  messages: ENGLISH_MESSAGES,
  error: (message) => ({ message }),
  credentials: "cookie",
};
const answer = { body: z.object({ done: z.boolean() }) };
const errorResponse = { status: 404, body: { message: "No." } };
const act = async (isDone: boolean) => (isDone ? reply({ done: true }) : fail({ name: "not_found" }));

address(api, "/test/", (endpoint) => ({
  GET: endpoint({ summary: "", who: "anybody", answer, run: () => act(true), failures: { not_found: errorResponse } }),
  // @ts-expect-error: `not_found` has no response.
  POST: endpoint({ summary: "", who: "anybody", answer, run: () => act(true), failures: {} }),
  PUT: endpoint({
    summary: "",
    who: "anybody",
    answer,
    run: () => act(true),
    // @ts-expect-error: `run` has no failure `taken`.
    failures: { not_found: errorResponse, taken: errorResponse },
  }),
  // @ts-expect-error: `done` must be a boolean.
  PATCH: endpoint({ summary: "", who: "anybody", answer, run: async () => reply({ done: "yes" }), failures: {} }),
  DELETE: endpoint({
    summary: "",
    who: "anybody",
    answer,
    // @ts-expect-error: the path has no parameter `id`.
    run: async ({ params }) => reply({ done: params.id === "1" }),
    failures: {},
  }),
}));

const succeedAlways = async () => reply({ done: true });
const failByAnyName = async () => fail({ name: "not_found" as string });

address(api, "/test/more/", (endpoint) => ({
  // @ts-expect-error: `run` has no failures, so it has no error responses.
  GET: endpoint({ summary: "", who: "anybody", answer, run: succeedAlways, failures: { not_found: errorResponse } }),
  // @ts-expect-error: the name of a failure must be a literal, not any `string`.
  POST: endpoint({ summary: "", who: "anybody", answer, run: failByAnyName, failures: {} }),
}));

const revoke = async (isDone: boolean) => (isDone ? reply({ done: true }) : fail({ name: "key_revoked" }));

address(api, "/test/keys/", (endpoint) => ({
  // The engine words the failures of keys.
  GET: endpoint({ summary: "", who: "key", scope: "events:read", answer, run: () => revoke(true), failures: {} }),
  // @ts-expect-error: an endpoint for keys needs a scope.
  POST: endpoint({ summary: "", who: "key", answer, run: () => revoke(true), failures: {} }),
  // @ts-expect-error: an endpoint for people words each failure.
  PUT: endpoint({ summary: "", who: "account", answer, run: () => revoke(true), failures: {} }),
}));
