import { MAX_TABLE_PARTS } from "../../base/limits.ts";
import type { SchemaPart, SchemaText } from "../../protocol/payloads/schema.ts";
import { commentOf, given, labelsOf, nameOf, namesOf } from "../browse/parts.ts";
import { ELEMENT } from "../describe/fields.ts";
import type { Node } from "./document.ts";
import { asNode, listOf, text } from "./document.ts";

/** Deeper fields are not told. */
const MAX_DEPTH = 32;

/** The texts of a schema that were asked for. */
export function textsOf(schema: Node, include: ReadonlySet<SchemaText>) {
  const labels = listOf(schema.enum).map(String);
  const value = schema.default;
  const description = text(schema.description) ?? text(schema.summary);
  return {
    ...include.has("defaults") && value !== undefined ? { default: commentOf(JSON.stringify(value)) } : {},
    ...include.has("comments") ? given("comment", description && commentOf(description)) : {},
    ...include.has("enums") && labels.length > 0 ? { labels: labelsOf(labels) } : {},
  };
}

/** A schema's type in words: `string (date)`, `list of Order`, `Order` for one that is described elsewhere. */
export function typeOf(schema: Node | undefined, depth = 0): string {
  if (!schema || depth > MAX_DEPTH) return "any";
  const reference = text(schema.$ref);
  if (reference !== undefined) {
    return reference.slice(reference.lastIndexOf("/") + 1).replaceAll("~1", "/").replaceAll("~0", "~");
  }
  const choices = ["oneOf", "anyOf", "allOf"].find((key) => listOf(schema[key]).length > 0);
  if (choices !== undefined) {
    const word = choices === "allOf" ? " and " : " or ";
    return listOf(schema[choices]).map((choice) => typeOf(asNode(choice), depth + 1)).join(word);
  }
  const types: unknown[] = Array.isArray(schema.type) ? schema.type : [schema.type];
  const type = types.filter((type) => typeof type === "string").join(" or ");
  if (type === "array") return `list of ${typeOf(asNode(schema.items), depth + 1)}`;
  const format = text(schema.format);
  return `${type || (schema.properties ? "object" : "any")}${format === undefined ? "" : ` (${format})`}`;
}

/** The fields of a schema that stand in it; those of another are told where that is. */
export function fieldsOf(
  schema: Node,
  parent: readonly string[],
  include: ReadonlySet<SchemaText>,
): SchemaPart[] {
  const fields: SchemaPart[] = [];
  const place = namesOf(parent);
  const visit = (schema: Node | undefined, path: readonly string[]) => {
    if (!schema || path.length > MAX_DEPTH || fields.length > MAX_TABLE_PARTS) return;
    for (const part of listOf(schema.allOf)) visit(asNode(part), path);
    const required = new Set(listOf(schema.required));
    for (const [name, value] of Object.entries(asNode(schema.properties) ?? {})) {
      const property = asNode(value) ?? {};
      const here = [...path, name];
      fields.push({
        kind: "field",
        parent: place,
        path: namesOf(here),
        types: [nameOf(typeOf(property))],
        ...required.has(name) ? {} : { optional: true as const },
        ...textsOf(property, include),
      });
      visit(property, here);
      visit(asNode(property.items), [...here, ELEMENT]);
    }
  };
  visit(schema, []);
  return fields;
}
