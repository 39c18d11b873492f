import { exampleOf, jsonSchemaOf } from "@/lib/core/events/event-body";
import { EVENT_TYPES, type EventType } from "@/lib/core/events/event-types";
import type { Json } from "./engine";

type JsonObject = { [name: string]: Json };

/** Returns the name of the schema of a type: `session.opened` has `SessionOpenedEvent`. */
function schemaNameOf(type: EventType): string {
  const words = type.split(".").map((word) => word.charAt(0).toUpperCase() + word.slice(1));
  return `${words.join("")}Event`;
}

const refOf = (name: string) => ({ $ref: `#/components/schemas/${name}` });

/** The reference to the schema of an event of any type. */
export const EVENT_REF = refOf("Event");

/** Describes the events for the OpenAPI document: a schema of each type, and one of all. */
export function describeEvents(): JsonObject {
  const schemas = EVENT_TYPES.map((type) => {
    const { $schema: _, ...schema } = jsonSchemaOf(type);
    return [schemaNameOf(type), { ...schema, examples: [exampleOf(type)] }];
  });
  const mapping = Object.fromEntries(EVENT_TYPES.map((type) => [type, refOf(schemaNameOf(type)).$ref]));
  return {
    ...(Object.fromEntries(schemas) as JsonObject),
    Event: {
      description:
        "An event of the event log, by its type. Further types and fields may be added: ignore those that you don't know.",
      oneOf: EVENT_TYPES.map((type) => refOf(schemaNameOf(type))),
      discriminator: { propertyName: "type", mapping },
    },
  };
}

const WEBHOOK_HEADERS = {
  "webhook-id": "The id of the delivery, the same at each attempt and at each replay. Handle each id once.",
  "webhook-timestamp": "When this attempt was made, in seconds since 1970. Refuse one that is older than five minutes.",
  "webhook-signature":
    "Signatures of id, timestamp and body, separated by spaces: `v1,` by HMAC-SHA256, `v1a,` by Ed25519.",
};

/** Describes the webhook of each type of event, for the member `webhooks` of the OpenAPI document. */
export function describeWebhooks(tag: string): JsonObject {
  const parameters = Object.entries(WEBHOOK_HEADERS).map(([name, description]) => ({
    ...{ name, in: "header", required: true, description },
    schema: { type: "string" },
  }));
  const webhookOf = (type: EventType) => {
    const { description = type } = jsonSchemaOf(type);
    const content = { "application/json": { schema: refOf(schemaNameOf(type)), example: exampleOf(type) as Json } };
    return {
      post: {
        ...{ operationId: `webhook-${type.replace(".", "-")}`, tags: [tag], summary: type, description, parameters },
        requestBody: { required: true, content },
        responses: {
          "2XX": { description: "The receiver has stored the event. Any other status is another attempt later." },
          "410": { description: "The receiver wants no more webhooks: the endpoint is disabled." },
        },
      },
    };
  };
  return Object.fromEntries(EVENT_TYPES.map((type) => [type, webhookOf(type)]));
}
