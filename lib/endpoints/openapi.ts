import { z } from "zod";
import { address, reply } from "@/lib/apis/engine";
import { describeApis } from "@/lib/apis/openapi";
import { publicKeys } from "@/lib/auth/tokens";
import { applicationKeys, authorizationServer, openIdConfiguration } from "./oauth-metadata";
import { OAUTH_REFERENCE } from "./oauth-reference";
import { policyDocument } from "./policy";
import { CACHED_FIVE_MINUTES, service } from "./service";

/** The OpenAPI document, made at the first request and then kept. */
let openApiDocument: ReturnType<typeof describeApis> | undefined;

/** Serves the OpenAPI document of all APIs. */
export const openapi = address(service, "/api/openapi.json", (endpoint) => ({
  GET: endpoint({
    summary: "This document",
    who: "anybody",
    answer: { body: z.looseObject({ openapi: z.string() }) },
    run: async () => {
      openApiDocument ??= describeApis(
        [...[policyDocument, openapi, keys], ...[openIdConfiguration, authorizationServer, applicationKeys]],
        OAUTH_REFERENCE,
      );
      return reply(openApiDocument, CACHED_FIVE_MINUTES);
    },
    failures: {},
  }),
}));

/** Serves the public keys of access tokens. */
export const keys = address(service, "/.well-known/jwks.json", (endpoint) => ({
  GET: endpoint({
    summary: "The public keys that access tokens can be verified with (RFC 7517)",
    who: "anybody",
    answer: { body: z.object({ keys: z.array(z.looseObject({ kty: z.string(), kid: z.string() })) }) },
    run: async () => reply(await publicKeys(), CACHED_FIVE_MINUTES),
    failures: {},
  }),
}));
