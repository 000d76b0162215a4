import type { SchemaPart, SchemaText } from "../../protocol/payloads/schema.ts";
import type { BrowsedThing } from "../browse/browser.ts";
import { commentOf, given, nameOf, namesOf } from "../browse/parts.ts";
import type { ApiDocument, Node } from "./document.ts";
import { asNode, listOf, text } from "./document.ts";
import { fieldsOf, textsOf, typeOf } from "./schema.ts";

const METHODS = ["delete", "get", "head", "options", "patch", "post", "put", "trace"];

/** What the names of an API's types begin with: they come behind its operations, whose names begin with a slash. */
const OPERATIONS = "operations";
const TYPES = "types";

/** One thing of an API, described only when it is asked for. */
export interface ApiThing {
  names: readonly string[];
  describe(include: ReadonlySet<SchemaText>): BrowsedThing;
}

/** All operations and then all types of an API, in the order of their names. */
export function thingsOf({ root }: ApiDocument): ApiThing[] {
  const operations = Object.entries(asNode(root.paths) ?? {}).flatMap(([path, item]) =>
    METHODS.flatMap((method): ApiThing[] => {
      const shared = asNode(item);
      const operation = asNode(shared?.[method]);
      if (!shared || !operation) return [];
      const names = [OPERATIONS, path, method.toUpperCase()];
      return [{ names, describe: (include) => describeOperation(root, names, shared, operation, include) }];
    })
  );
  const schemas = asNode(asNode(root.components)?.schemas) ?? asNode(root.definitions) ?? {};
  const types = Object.entries(schemas).flatMap(([name, value]): ApiThing[] => {
    const schema = asNode(value);
    if (!schema) return [];
    const names = [TYPES, name];
    return [{ names, describe: (include) => describeType(names, schema, include) }];
  });
  return [...operations, ...types].sort(byNames);
}

function byNames({ names: a }: ApiThing, { names: b }: ApiThing): number {
  const at = a.findIndex((name, i) => name !== b[i]);
  return at < 0 ? -1 : a[at]! < (b[at] ?? "") ? -1 : 1;
}

function describeOperation(
  root: Node,
  names: readonly string[],
  shared: Node,
  operation: Node,
  include: ReadonlySet<SchemaText>,
): BrowsedThing {
  const [, path, method] = names as [string, string, string];
  const name = nameOf(`${method} ${path}`);
  const { comment } = textsOf(
    { description: text(operation.summary) ?? text(operation.description) },
    include,
  );
  const parts: SchemaPart[] = [{ kind: "operation", parent: [], name, ...given("comment", comment) }];
  const parent = [name];
  for (const given of [...listOf(shared.parameters), ...listOf(operation.parameters)]) {
    const parameter = resolve(root, asNode(given));
    if (!parameter) continue;
    const schema = asNode(parameter.schema) ?? parameter; // in Swagger 2 the type stands in the parameter
    parts.push({
      kind: "parameter",
      parent,
      name: nameOf(text(parameter.name) ?? ""),
      in: nameOf(text(parameter.in) ?? "query").slice(0, 40),
      type: nameOf(typeOf(schema)),
      required: parameter.required === true,
      ...textsOf({ ...schema, ...parameter }, include),
    });
  }
  const body = resolve(root, asNode(operation.requestBody));
  if (body) parts.push(...contents(body, parent, "body", body.required === true, include));
  for (const [status, value] of Object.entries(asNode(operation.responses) ?? {})) {
    const response = resolve(root, asNode(value));
    if (response) {
      parts.push(...contents(response, parent, `response ${status}`.slice(0, 40), false, include));
    }
  }
  return { names, parts };
}

/** What a request or a response carries, by its media type. */
function contents(
  message: Node,
  parent: string[],
  where: string,
  required: boolean,
  include: ReadonlySet<SchemaText>,
): SchemaPart[] {
  const direct = asNode(message.schema); // Swagger 2
  const media = direct
    ? [["*/*", { schema: direct }] as const]
    : Object.entries(asNode(message.content) ?? {});
  return media.flatMap(([type, value]): SchemaPart[] => {
    const schema = asNode(asNode(value)?.schema);
    return [
      { kind: "parameter", parent, name: nameOf(type), in: where, type: nameOf(typeOf(schema)), required },
      ...schema ? fieldsOf(schema, [...parent, `${where} ${type}`], include) : [],
    ];
  });
}

function describeType(
  names: readonly string[],
  schema: Node,
  include: ReadonlySet<SchemaText>,
): BrowsedThing {
  const name = nameOf(names[1]!);
  const { comment } = textsOf(schema, include);
  return {
    names,
    parts: [
      { kind: "type", parent: [], name, ...given("comment", comment && commentOf(comment)) },
      ...fieldsOf(schema, namesOf([name]), include),
    ],
  };
}

/** What a reference within the document leads to; one that leads elsewhere, or in a circle, is passed over. */
function resolve(root: Node, node: Node | undefined, depth = 0): Node | undefined {
  const reference = text(node?.$ref);
  if (reference === undefined) return node;
  if (!reference.startsWith("#/") || depth > 8) return undefined;
  let at: unknown = root;
  for (const step of reference.slice(2).split("/")) {
    const key = step.replaceAll("~1", "/").replaceAll("~0", "~");
    const inside = asNode(at);
    at = inside && Object.hasOwn(inside, key) ? inside[key] : undefined;
  }
  return resolve(root, asNode(at), depth + 1);
}
