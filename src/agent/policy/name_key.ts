import { join } from "@std/path";
import { asSallyportError, SallyportError } from "../../base/errors.ts";
import { readTextIfThere, syncFolder, writeAtomic } from "../../base/files.ts";
import { NAME_KEY_BYTES } from "../../gate/policy/names.ts";

/**
 * The key under which names are hashed: made on first need, kept in `state/`, never sent. Two programs that need it
 * at the same moment get the same one.
 *
 * @throws {SallyportError} `state.unreadable` when it is damaged: another one in its place would change every hash.
 */
export async function loadNameKey(stateFolder: string): Promise<Uint8Array<ArrayBuffer>> {
  const path = join(stateFolder, "name-key");
  const text = await readTextIfThere(path) ?? await makeKey(stateFolder, path);
  if (new RegExp(`^[0-9a-f]{${NAME_KEY_BYTES * 2}}\n$`).test(text)) return Uint8Array.fromHex(text.trim());
  throw new SallyportError("state.unreadable", `${path} is not a key for hashed names`, {
    remedy:
      "Restore it from a backup. Without it, remove it: a new one is made, and every hash will be another.",
  });
}

async function makeKey(stateFolder: string, path: string): Promise<string> {
  const text = `${crypto.getRandomValues(new Uint8Array(NAME_KEY_BYTES)).toHex()}\n`;
  const own = `${path}.${crypto.randomUUID().slice(0, 8)}`;
  try {
    await Deno.mkdir(stateFolder, { recursive: true, mode: 0o700 });
    await writeAtomic(own, text);
    // A link fails where a rename would take the key of another away.
    await Deno.link(own, path);
    await syncFolder(stateFolder);
    return text;
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return await Deno.readTextFile(path);
    throw asSallyportError(error);
  } finally {
    await Deno.remove(own).catch(() => {});
  }
}
