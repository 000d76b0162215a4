import { parseDocument } from "yaml";
import { fromUtf8 } from "../../base/encoding.ts";
import { messageOf, SallyportError } from "../../base/errors.ts";

/** An object of the document; what stands in it was written by others. */
export type Node = Record<string, unknown>;

/** The description of an API in the form of OpenAPI 3 or Swagger 2 (https://spec.openapis.org). */
export interface ApiDocument {
  root: Node;
  title: string;
  /** Such as `OpenAPI 3.1.0`. */
  product: string;
}

const MAX_ALIASES = 100;

/**
 * Reads a description in JSON or YAML.
 *
 * @throws {SallyportError} `schema.unreadable` when it is none.
 */
export function parseApi(bytes: Uint8Array, where: string): ApiDocument {
  const root = asNode(parse(bytes, where));
  const version = text(root?.openapi) ?? text(root?.swagger);
  if (root === undefined || version === undefined || !/^(2\.0|3\.\d+(\.\d+)?)$/.test(version)) {
    throw noApi(where, "it has no field openapi (3.x) or swagger (2.0)");
  }
  const product = `${root.openapi === undefined ? "Swagger" : "OpenAPI"} ${version}`;
  return { root, title: text(asNode(root.info)?.title) ?? "API", product };
}

function parse(bytes: Uint8Array, where: string): unknown {
  let content: string;
  try {
    content = fromUtf8(bytes);
  } catch (cause) {
    throw noApi(where, "it is not text in UTF-8", cause);
  }
  try {
    if (/^\s*\{/.test(content)) return JSON.parse(content);
    const yaml = parseDocument(content, { prettyErrors: false });
    if (yaml.errors.length > 0) throw yaml.errors[0];
    return yaml.toJS({ maxAliasCount: MAX_ALIASES });
  } catch {
    // The words of a parser quote what stands there.
    throw noApi(where, "it is neither JSON nor YAML that can be used");
  }
}

function noApi(where: string, why: string, cause?: unknown): SallyportError {
  return new SallyportError("schema.unreadable", `${where} is not the description of an API: ${why}`, {
    ...cause === undefined ? {} : { cause: new Error(messageOf(cause)) },
    remedy:
      "It must be OpenAPI 3 or Swagger 2, in JSON or YAML. What answered may be a login page, or a page for people.",
  });
}

export function asNode(value: unknown): Node | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value as Node : undefined;
}

export function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** The elements of a list, or nothing. */
export function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
