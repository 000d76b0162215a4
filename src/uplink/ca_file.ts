import { messageOf } from "../base/errors.ts";
import { MAX_CA_FILE_BYTES } from "../base/limits.ts";
import type { CaFile } from "../trust/ca_file.ts";
import { parseCaFile } from "../trust/ca_file.ts";

/**
 * Reads a file of CA certificates; nothing is in one that is not there. It never throws: whatever is wrong stands in
 * `problems`, and what is good is given.
 */
export async function readCaFile(path: string): Promise<CaFile> {
  let text: string;
  try {
    const { size, isFile } = await Deno.stat(path);
    if (!isFile) return broken("it is no file");
    if (size > MAX_CA_FILE_BYTES) return broken(`it has more than ${MAX_CA_FILE_BYTES / 1024} KiB`);
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return { cas: [], problems: [] };
    return broken(`it cannot be read: ${messageOf(error)}`);
  }
  return parseCaFile(text, isTaken);
}

function broken(problem: string): CaFile {
  return { cas: [], problems: [problem] };
}

/** Whether TLS takes it: one that it does not would make it refuse all the others, and the bundle's CA, too. */
function isTaken(pem: string): boolean {
  try {
    Deno.createHttpClient({ caCerts: [pem] }).close();
    return true;
  } catch {
    return false;
  }
}
