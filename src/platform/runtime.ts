import { SallyportError } from "../base/errors.ts";

/** From this version on `node:https` shows the certificate of its peer; before it silently did not. */
const OLDEST = [2, 9] as const;

/**
 * Refuses a runtime whose `node:https` cannot see client certificates: everybody would look the same there.
 *
 * @throws {SallyportError} `usage` naming the version that is needed.
 */
export function checkRuntime(version: string): void {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return;
  throw new SallyportError(
    "usage",
    `the platform needs Deno ${
      OLDEST.join(".")
    } or newer, and this is ${version}: it cannot see client certificates`,
    { remedy: "Run it with a newer Deno, such as: npx -y deno@2.9.6 task platform" },
  );
}
