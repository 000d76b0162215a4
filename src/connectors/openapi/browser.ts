import * as z from "zod";
import { SallyportError } from "../../base/errors.ts";
import { MAX_API_DESCRIPTION_BYTES } from "../../base/limits.ts";
import { checkFolder, folderSchema } from "../../engine/paths.ts";
import type { BrowseContext, BrowsedThing, BrowseQuery, BrowserKind } from "../browse/browser.ts";
import { isBehind, nameOf } from "../browse/parts.ts";
import { secretFileSchema } from "../connections/secrets.ts";
import { parseApi } from "./document.ts";
import { fetchDocument, tooLarge } from "./fetch.ts";
import type { Fetched } from "./fetch.ts";
import { thingsOf } from "./operations.ts";

const configSchema = z.union([
  z.strictObject({ file: folderSchema.meta({ description: "A file below data/, JSON or YAML" }) }),
  z.strictObject({
    url: z.url({ protocol: /^https?$/ }).max(1_000),
    token: secretFileSchema.optional().meta({ description: "A file in secrets/ with a bearer token" }),
    ca: secretFileSchema.optional().meta({ description: "A file in secrets/ with the server's CA, PEM" }),
  }).refine(({ url, token }) => token === undefined || url.startsWith("https:"), {
    path: ["url"],
    message: "must begin with https: a token would pass in clear",
  }),
]);
type OpenApiConfig = z.output<typeof configSchema>;

/** The description of an HTTP API, from a file or from its server: its operations and types, without examples. */
export const openApiBrowser: BrowserKind<OpenApiConfig> = {
  name: "openapi",
  configSchema,
  needs: (config) =>
    "file" in config ? { hosts: [], paths: [config.file] } : { hosts: [authorityOf(config.url)], paths: [] },
  browse,
};

async function* browse(
  config: OpenApiConfig,
  query: BrowseQuery,
  context: BrowseContext,
): AsyncGenerator<BrowsedThing> {
  const [where, bytes] = await read(config, query, context);
  const api = parseApi(bytes, where);
  if (query.after === undefined && query.matches([api.title])) {
    yield { names: [""], parts: [{ kind: "catalog", name: nameOf(api.title), product: api.product }] };
  }
  for (const { names, describe } of thingsOf(api)) {
    if (query.signal.aborted) return;
    // People know an operation as "GET /orders".
    const known = names.length === 3 ? [`${names[2]} ${names[1]}`] : names.slice(1);
    if (isBehind(names, query.after) && query.matches(known)) yield describe(query.include);
  }
}

async function read(
  config: OpenApiConfig,
  { signal }: BrowseQuery,
  { dataFolder, secrets }: BrowseContext,
): Promise<[where: string, bytes: Uint8Array]> {
  if (!("file" in config)) return [config.url, await fetchDocument(config as Fetched, secrets, signal)];
  const where = `data/${config.file}`;
  await checkFolder(dataFolder, config.file);
  try {
    const path = `${dataFolder}/${config.file}`;
    if ((await Deno.stat(path)).size > MAX_API_DESCRIPTION_BYTES) throw tooLarge(where);
    return [where, await Deno.readFile(path)];
  } catch (cause) {
    if (cause instanceof SallyportError) throw cause;
    throw new SallyportError("schema.unreadable", `${where} cannot be read`, {
      cause,
      remedy: "Check that the file is there, and its owner and mode.",
    });
  }
}

/** `host:port` of an address. */
function authorityOf(url: string): string {
  const { hostname, port, protocol } = new URL(url);
  return `${hostname}:${port || (protocol === "https:" ? 443 : 80)}`;
}
