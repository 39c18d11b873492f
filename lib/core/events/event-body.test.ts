import { expect, _baseTest as test } from "playwright/test";
import { z } from "zod";
import { EVENT_BODIES, exampleOf, jsonSchemaOf } from "./event-body";
import { EVENT_TYPES, isAccountEventType } from "./event-types";

test("each type of event has a JSON Schema that names all fields, and an example that fits", () => {
  for (const type of EVENT_TYPES) {
    const schema = jsonSchemaOf(type);
    expect(schema.properties?.type).toEqual({ type: "string", const: type });
    expect(schema.properties?.accountId).toMatchObject({ type: isAccountEventType(type) ? "integer" : "null" });
    expect(schema.required).toEqual(["id", "type", "timestamp", "accountId", "sequence", "isTest", "data"]);
    const example = exampleOf(type);
    expect(EVENT_BODIES[type].parse(example)).toEqual(example);
    expect(z.fromJSONSchema(schema as never).parse(example)).toEqual(example);
    const other = exampleOf(EVENT_TYPES.find((each) => each !== type) ?? type);
    expect(z.fromJSONSchema(schema as never).safeParse(other).success).toBe(false);
  }
});
