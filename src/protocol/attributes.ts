import { create } from "@bufbuild/protobuf";
import type { AgentDescription, KeyValue } from "./generated/opamp_pb.ts";
import { AgentDescriptionSchema } from "./generated/opamp_pb.ts";

/** Attributes of an agent, by the names of OpenTelemetry's semantic conventions where there is one. */
export type Attributes = Record<string, string>;

/**
 * The attribute with an id that every start of an agent makes anew and keeps nowhere: two agents that live with
 * one identity, because a home was copied, differ in it.
 */
export const START_ID = "sallyport.start.id";

/** An OpAMP description from two plain tables. */
export function describe(identifying: Attributes, other: Attributes): AgentDescription {
  const list = (table: Attributes) =>
    Object.entries(table).map(([key, value]) => ({
      key,
      value: { value: { case: "stringValue" as const, value } },
    }));
  return create(AgentDescriptionSchema, {
    identifyingAttributes: list(identifying),
    nonIdentifyingAttributes: list(other),
  });
}

/** The string attributes of a description as one plain table; other kinds of value are passed over. */
export function attributesOf(description: AgentDescription): Attributes {
  const table: Attributes = {};
  const all: KeyValue[] = [...description.identifyingAttributes, ...description.nonIdentifyingAttributes];
  for (const { key, value } of all) {
    if (value?.value.case === "stringValue") table[key] = value.value.value;
  }
  return table;
}
