import * as z from "zod";
import { fromUtf8 } from "../../base/encoding.ts";
import { messageOf, SallyportError } from "../../base/errors.ts";
import { isSealed, openSecret } from "../../trust/sealed_secret.ts";
import { MAX_CA_FILE_BYTES, MAX_NAME_CHARS, MAX_SECRET_BYTES } from "../../base/limits.ts";

/** The name of a file in `secrets/`. */
export const secretFileSchema = z.string().min(1).max(MAX_NAME_CHARS).refine(
  (name) => /^[\w][\w.@-]*$/.test(name),
  'is the name of a file in secrets/: letters, digits, ".", "_", "-" and "@"',
);

/** Reads the operator's files. */
export interface Secrets {
  /**
   * A password or a token, without the line end behind it.
   *
   * @throws {SallyportError} `connection.invalid` when it is not there, empty, or others may read it.
   */
  secret(name: string): Promise<string>;
  /**
   * CA certificates, PEM: no secret, so everybody may read them.
   *
   * @throws {SallyportError} `connection.invalid` when there is none in it.
   */
  certificates(name: string): Promise<string>;
}

/**
 * The secrets in a folder.
 *
 * @param keys the agent's key for those that are sealed to it
 */
export function secretsIn(folder: string, keys: () => Promise<CryptoKeyPair>): Secrets {
  return {
    async secret(name) {
      const { text, info } = await read(folder, name, MAX_SECRET_BYTES);
      if (isSealed(text)) return await unseal(`${folder}/${name}`, name, text.trim(), keys);
      if (Deno.build.os !== "windows" && ((info.mode ?? 0) & 0o077) !== 0) {
        const mode = ((info.mode ?? 0) & 0o777).toString(8).padStart(4, "0");
        throw unusable(`${folder}/${name} is open to other users (mode ${mode}), and holds a secret`, {
          remedy:
            `Close it with: chmod 600 ${folder}/${name}. If they may have read it, change the password.`,
        });
      }
      const secret = text.replace(/\r?\n$/, "");
      if (secret !== "" && !/[\r\n\0]/.test(secret)) return secret;
      throw unusable(`${folder}/${name} must hold one line, the secret, and nothing else`);
    },
    async certificates(name) {
      const { text } = await read(folder, name, MAX_CA_FILE_BYTES);
      if (text.includes("-----BEGIN CERTIFICATE-----")) return text;
      throw unusable(`there is no certificate in ${folder}/${name}, in PEM`);
    },
  };
}

async function unseal(
  path: string,
  name: string,
  text: string,
  keys: () => Promise<CryptoKeyPair>,
): Promise<string> {
  const own = await keys();
  try {
    return await openSecret(own, name, text);
  } catch (cause) {
    throw unusable(`${path} was sealed to another key or for another name, or is damaged`, {
      cause,
      remedy:
        "Seal it again: sallyportctl secret seal NAME --key KEY, with the name of the file and the key that " +
        "`sallyport secrets key` prints here.",
    });
  }
}

async function read(
  folder: string,
  name: string,
  maxBytes: number,
): Promise<{ text: string; info: Deno.FileInfo }> {
  const path = `${folder}/${name}`;
  try {
    const info = await Deno.stat(path);
    if (!info.isFile) throw unusable(`${path} is not a file`);
    if (info.size > maxBytes) throw unusable(`${path} is larger than ${maxBytes / 1024} KiB`);
    return { text: fromUtf8(await Deno.readFile(path)), info };
  } catch (cause) {
    if (cause instanceof SallyportError) throw cause;
    const remedy = "Put it there, owned by the user who runs the agent, with mode 600.";
    throw unusable(`${path} cannot be read: ${messageOf(cause)}`, { cause, remedy });
  }
}

function unusable(message: string, details: { remedy?: string; cause?: unknown } = {}): SallyportError {
  return new SallyportError("connection.invalid", message, details);
}
