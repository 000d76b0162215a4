import type { ErrorCode } from "../../src/base/errors.ts";
import { SallyportError } from "../../src/base/errors.ts";

/** Does work that may refuse its input with one of these errors, and with no other. */
export function refusing<T>(codes: readonly ErrorCode[], work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof SallyportError && codes.includes(error.code)) return undefined;
    throw error;
  }
}
