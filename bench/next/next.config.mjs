import path from "node:path";

/** @type {import("next").NextConfig} */
export default {
  agentRules: false,
  // Next.js takes instrumentation.ts and proxy.ts from the folders above as well, and those are Sarafan's.
  pageExtensions: ["js"],
  // The folder whose node_modules has Next.js; with two lock files above this one, Next.js would guess.
  turbopack: { root: path.resolve(import.meta.dirname, "../..") },
};
