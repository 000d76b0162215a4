import { createHmac } from "node:crypto";
import type { Shape } from "./options.ts";

/** The bytes of the key for hashed names. */
export const NAME_KEY_BYTES = 32;
/** 80 bits: no two names of one agent will ever meet. */
const HASH_DIGITS = 20;
const OMITTED = "omitted";

/** Where a file is: its name, and its folder relative to the agent's home. */
export interface FilePlace {
  name: string;
  directory: string;
}

/** Gives the place of a file of a run the form in which it may leave. */
export type ShapePlace = (place: FilePlace, runId: string) => FilePlace;

/** Whether the two shapes need the key. */
export function needsNameKey({ names, directories }: { names: Shape; directories: Shape }): boolean {
  return names !== "plain" || directories === "hashed";
}

/**
 * Shapes names by HMAC-SHA-256 (RFC 2104) under a key that never leaves: without it nobody can try out whether a
 * hash is that of a likely name. An omitted name still differs from the others of its run, so that the platform can
 * count with it, but it is another one in the next run.
 */
export function placeShaper(
  { names, directories }: { names: Shape; directories: Shape },
  key: Uint8Array | undefined,
): ShapePlace {
  const digest = (digits: number, ...parts: string[]) => {
    if (!key) throw new TypeError("names are to be hashed, but there is no key");
    return createHmac("sha256", key).update(JSON.stringify(parts)).digest("hex").slice(0, digits);
  };
  const shapeName: Record<Shape, (place: FilePlace, runId: string) => string> = {
    plain: ({ name }) => name,
    hashed: ({ name }) => `hashed-${digest(HASH_DIGITS, "name", name)}`,
    omitted: ({ name, directory }, runId) => `${OMITTED}-${digest(8, "omitted", runId, directory, name)}`,
  };
  const shapeDirectory: Record<Shape, (directory: string) => string> = {
    plain: (directory) => directory,
    hashed: (directory) => `hashed-${digest(HASH_DIGITS, "directory", directory)}`,
    omitted: () => OMITTED,
  };
  return (place, runId) => ({
    name: shapeName[names](place, runId),
    directory: shapeDirectory[directories](place.directory),
  });
}
