// Checked by the compiler, as part of `npm run check`, and never run: what a dialect may not leave out or make up.
import { z } from "zod";
import { fail } from "@/lib/core/result";
import { address, type Dialect, reply } from "./dialect";
import { ENGLISH } from "./words";

const dialect: Dialect = {
  title: "test",
  description: "An API of these tests.",
  words: ENGLISH,
  error: (message) => ({ message }),
};
const answer = { body: z.object({ done: z.boolean() }) };
const wording = { status: 404, body: { message: "No." } };
const act = async (isDone: boolean) => (isDone ? reply({ done: true }) : fail({ name: "not_found" }));

address(dialect, "/test/", (endpoint) => ({
  GET: endpoint({ summary: "", who: "anybody", answer, run: () => act(true), failures: { not_found: wording } }),
  // @ts-expect-error: `not_found` has no words.
  POST: endpoint({ summary: "", who: "anybody", answer, run: () => act(true), failures: {} }),
  PUT: endpoint({
    summary: "",
    who: "anybody",
    answer,
    run: () => act(true),
    // @ts-expect-error: nothing is ever taken here.
    failures: { not_found: wording, taken: wording },
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
