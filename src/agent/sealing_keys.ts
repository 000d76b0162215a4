import { join } from "@std/path";
import { SallyportError } from "../base/errors.ts";
import { readTextIfThere, writeAtomic } from "../base/files.ts";
import { generateSealingKeys, sealingKeysFromPem } from "../trust/sealing.ts";
import { privateKeyToPem } from "../trust/keys.ts";
import { STATE_FOLDER } from "./home.ts";

const FILE = "sealing-key.pem";
/** The key that secrets are sealed to: made here, never sent; only the engine's half reads it. */
export const SEALING_KEY_PATH = join(STATE_FOLDER, FILE);

/**
 * The keys that secrets are sealed to.
 *
 * @throws {SallyportError} `connection.invalid` when there are none yet, `state.unreadable` when they are damaged.
 */
export async function loadSealingKeys(stateFolder: string): Promise<CryptoKeyPair> {
  const path = join(stateFolder, FILE);
  const pem = await readTextIfThere(path);
  if (pem === undefined) {
    throw new SallyportError(
      "connection.invalid",
      "a secret is sealed, and this agent has no key for that yet",
      {
        remedy: "`sallyport secrets key` makes one; a secret must be sealed to it.",
      },
    );
  }
  try {
    return await sealingKeysFromPem(pem);
  } catch (cause) {
    throw new SallyportError("state.unreadable", `${path} is not a private key`, {
      cause,
      remedy:
        "Restore it from a backup. Without it, remove it: a new one is made, and secrets are sealed anew.",
    });
  }
}

/** As {@linkcode loadSealingKeys}, and makes them where there are none. */
export async function ensureSealingKeys(stateFolder: string): Promise<CryptoKeyPair> {
  const path = join(stateFolder, FILE);
  if (await readTextIfThere(path) === undefined) {
    const { keys } = await generateSealingKeys();
    await Deno.mkdir(stateFolder, { recursive: true, mode: 0o700 });
    await writeAtomic(path, await privateKeyToPem(keys.privateKey));
  }
  return await loadSealingKeys(stateFolder);
}
