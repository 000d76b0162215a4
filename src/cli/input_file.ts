import { SallyportError } from "../base/errors.ts";

/**
 * The text of a file that a person named.
 *
 * @throws {SallyportError} `file.missing` when it cannot be read.
 */
export function readInputFile(path: string): Promise<string> {
  return reading(path, () => Deno.readTextFile(path));
}

/**
 * Makes sure that a file which a person named is there and may be read.
 *
 * @throws {SallyportError} `file.missing`
 */
export async function requireInputFile(path: string): Promise<void> {
  await reading(path, () => Deno.stat(path));
}

async function reading<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    const outside = cause instanceof Deno.errors.NotCapable;
    throw new SallyportError("file.missing", `${path} cannot be read`, {
      cause,
      remedy: outside
        ? "Sallyport reads nothing outside its home: put the file below the current folder."
        : "Check the name; it is looked for from the current folder.",
    });
  }
}
