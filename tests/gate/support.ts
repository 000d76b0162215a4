import { DEFAULT_OPTIONS } from "../../src/gate/policy/options.ts";
import type { PolicyOptions } from "../../src/gate/policy/options.ts";
import type { PolicyTools } from "../../src/gate/policy/policy.ts";
import { compilePolicy } from "../../src/gate/policy/policy.ts";
import type { Circumstances } from "../../src/gate/verdict.ts";

/** The default policy with some fields of its classes changed. */
export function policyWith(
  changes: { [K in keyof PolicyOptions]?: Partial<PolicyOptions[K]> },
  tools: PolicyTools = {},
) {
  const options = Object.entries(changes).map(([name, change]) => {
    const before = DEFAULT_OPTIONS[name as keyof PolicyOptions];
    return [name, Array.isArray(before) ? change : { ...before, ...change }];
  });
  return compilePolicy({ ...DEFAULT_OPTIONS, ...Object.fromEntries(options) }, tools);
}

/** A Thursday noon on which nothing has left yet. */
export const QUIET: Circumstances = {
  now: Date.UTC(2026, 0, 1, 12),
  spent: { status: 0, tracking: 0, logs: 0, errors: 0, schema: 0, data: 0 },
};

export const spent = (changes: Partial<Circumstances["spent"]>): Circumstances => ({
  ...QUIET,
  spent: { ...QUIET.spent, ...changes },
});
