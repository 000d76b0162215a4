import type { ParsedWords } from "../base/command_line/command.ts";
import { usage } from "../base/command_line/command.ts";
import { readTextIfThere } from "../base/files.ts";
import { SallyportError } from "../base/errors.ts";
import { PlatformClient } from "./client.ts";

/**
 * The platform that options and environment name.
 *
 * @throws {SallyportError} `usage` when address or token is missing, `file.missing` for a file that is not there.
 */
export async function connect({ option }: Pick<ParsedWords, "option">): Promise<PlatformClient> {
  const given = (name: string, variable: string) => option(name) ?? (Deno.env.get(variable) || undefined);
  const url = given("platform", "SALLYPORT_PLATFORM");
  if (!url) throw usage("--platform URL is missing");
  if (!/^https:\/\/[^/]+\/?$/.test(url)) {
    throw usage(`--platform must be https://HOST:PORT, not "${url}"`);
  }
  const caFile = given("ca", "SALLYPORT_CA");
  const ca = caFile === undefined ? undefined : await readFile(caFile);
  const tokenFile = option("token-file");
  const token = option("token") ??
    (tokenFile === undefined ? Deno.env.get("SALLYPORT_TOKEN") : await readFile(tokenFile));
  if (!token) {
    throw new SallyportError("usage", "the API token is missing", {
      remedy:
        "Set SALLYPORT_TOKEN or give --token-file FILE. The platform printed its first token at its first start.",
    });
  }
  return new PlatformClient(url, token.trim(), ca);
}

/** The text of a file that the user named. */
export async function readFile(path: string): Promise<string> {
  const text = await readTextIfThere(path);
  if (text !== undefined) return text;
  throw new SallyportError("file.missing", `there is no file ${path}`, { remedy: "Check the path." });
}
