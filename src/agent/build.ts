import { VERSION } from "../base/version.ts";

/**
 * What this build is. `scripts/compile.ts` replaces the marked texts in the bundle of an executable; a run from
 * source shows them as they are here.
 */
export const BUILD = {
  version: VERSION,
  /** `host:port` of the one platform whose address is baked in; empty when run from source. */
  platform: "@sallyport:platform@",
  /** `host:port` of what connections may lead to, with commas between them; empty when run from source. */
  connect: "@sallyport:connect@",
  /** The commit that it was built from; empty when run from source. */
  commit: "@sallyport:commit@",
};

/** A marked text that was replaced, or undefined. */
export function baked(text: string): string | undefined {
  return text.startsWith("@sallyport:") || text === "" ? undefined : text;
}
