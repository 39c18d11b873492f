// Checked by the compiler, as part of `npm run check`, and never run: what an API may not leave out or make up.
import { z } from "zod";
import { fail } from "@/lib/core/result";
import { type Api, address, reply } from "./engine";
import { ENGLISH } from "./messages";

const api: Api = {
  title: "test",
  description: "An API of these tests.",
  messages: ENGLISH,
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
    // @ts-expect-error: nothing is ever taken here.
    failures: { not_found: errorResponse, taken: errorResponse },
  }),
  // @ts-expect-error: the answer is a boolean.
  PATCH: endpoint({ summary: "", who: "anybody", answer, run: async () => reply({ done: "yes" }), failures: {} }),
  DELETE: endpoint({
    summary: "",
    who: "anybody",
    answer,
    // @ts-expect-error: there is nothing of that name in the address.
    run: async ({ params }) => reply({ done: params.id === "1" }),
    failures: {},
  }),
}));

const never = async () => reply({ done: true });
const anything = async () => fail({ name: "named_by_somebody" as string });

address(api, "/test/more/", (endpoint) => ({
  // @ts-expect-error: it can't fail, so it has no error responses.
  GET: endpoint({ summary: "", who: "anybody", answer, run: never, failures: { not_found: errorResponse } }),
  // @ts-expect-error: nobody knows what its failure is called.
  POST: endpoint({ summary: "", who: "anybody", answer, run: anything, failures: {} }),
}));
