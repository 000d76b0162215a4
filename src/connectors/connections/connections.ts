import * as z from "zod";
import { SallyportError } from "../../base/errors.ts";
import { readTextIfThere } from "../../base/files.ts";
import { MAX_CONNECTIONS_BYTES } from "../../base/limits.ts";
import { checkYaml } from "../../base/yaml/checked.ts";
import { describeProblems } from "../../base/yaml/problems.ts";
import { oneOf, theOne } from "../../engine/definition/one_of.ts";
import type { BrowserKind, Needs } from "../browse/browser.ts";
import type { Browsable } from "../browse/page.ts";
import { BROWSERS } from "../browsers.ts";

/** A connection that the operator declared. */
export interface Connection extends Browsable {
  /** The name of its {@linkcode BrowserKind}. */
  kind: string;
  needs: Needs;
}

const nameSchema = z.string().max(100).regex(
  /^[a-z0-9][a-z0-9._-]*$/,
  "must start with a small letter or digit and go on with small letters, digits, '.', '_' or '-'",
);

const kindSchemas = Object.fromEntries(BROWSERS.map(({ name, configSchema }) => [name, configSchema]));

const connectionsSchema = z.strictObject({
  connections: z.record(nameSchema, oneOf(kindSchemas, "Where the connection leads")),
});

/**
 * The connections of a file; none where there is none.
 *
 * @throws {SallyportError} `connection.invalid`
 */
export async function readConnections(file: string): Promise<Connection[]> {
  const text = await readTextIfThere(file);
  return text === undefined ? [] : parseConnections(text, file);
}

/**
 * The connections of a text in the form of `connections.yaml`, in its order.
 *
 * @throws {SallyportError} `connection.invalid` with every problem on a line of its own.
 */
export function parseConnections(text: string, file: string): Connection[] {
  const { value, problems } = checkYaml(text, connectionsSchema, {
    what: "the file",
    maxBytes: MAX_CONNECTIONS_BYTES,
  });
  if (value === undefined) {
    throw new SallyportError("connection.invalid", describeProblems(problems, file), {
      facts: { problems: problems.length, line: problems[0]?.line ?? 1, field: problems[0]?.field ?? "" },
      remedy: "Correct it, and look at the result with: sallyport connections",
    });
  }
  return Object.entries(value.connections).map(([name, definition]) => connection(name, definition));
}

function connection(name: string, definition: Record<string, unknown>): Connection {
  const [kindName, config] = theOne(definition);
  const kind: BrowserKind = BROWSERS.find(({ name }) => name === kindName)!;
  return {
    name,
    kind: kindName,
    needs: kind.needs(config),
    browse: (query, context) => kind.browse(config, query, context),
  };
}

/**
 * The connection of a name.
 *
 * @throws {SallyportError} `connection.unknown`
 */
export function findConnection(connections: readonly Connection[], name: string): Connection {
  const found = connections.find((connection) => connection.name === name);
  if (found) return found;
  const names = connections.map(({ name }) => name).join(", ");
  throw new SallyportError("connection.unknown", `there is no connection "${name}"`, {
    remedy: names === ""
      ? "None is declared in this home; docs/browsing.md shows how."
      : `There are: ${names}`,
  });
}
