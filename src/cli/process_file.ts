import { SallyportError } from "../base/errors.ts";

/**
 * The text of a process definition.
 *
 * @throws {SallyportError} `file.missing` when it cannot be read.
 */
export async function readDefinition(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
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
