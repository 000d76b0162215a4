import { usage } from "../../base/command_line/command.ts";
import { messageOf } from "../../base/errors.ts";
import type { WebhookOptions } from "./webhook.ts";

/** A shorter secret could be guessed from one signed notice. */
const MIN_SECRET_CHARS = 16;

/**
 * The webhook of the command line: its address, and the secret from a file, since arguments are seen by every
 * user of a machine.
 *
 * @throws {SallyportError} `usage` for an address that is none, or a secret that cannot be had.
 */
export async function webhookOptions(
  url: string | undefined,
  secretFile: string | undefined,
): Promise<WebhookOptions | undefined> {
  if (url === undefined) {
    if (secretFile !== undefined) throw usage("--webhook-secret-file needs --webhook URL");
    return undefined;
  }
  const parsed = URL.parse(url);
  if (parsed?.protocol !== "https:" && parsed?.protocol !== "http:") {
    throw usage("--webhook must be an address that begins with https:// or http://");
  }
  if (secretFile === undefined) return { url };
  const secret = await readSecret(secretFile);
  if (secret.length < MIN_SECRET_CHARS) {
    throw usage(`the webhook's secret must have at least ${MIN_SECRET_CHARS} characters`);
  }
  return { url, secret };
}

async function readSecret(file: string): Promise<string> {
  try {
    return (await Deno.readTextFile(file)).trim();
  } catch (error) {
    throw usage(`--webhook-secret-file cannot be read: ${messageOf(error)}`);
  }
}
