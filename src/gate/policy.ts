import { sha256Hex } from "../base/digest.ts";
import { canonicalJson } from "../base/json.ts";

/** The classes of what can leave; each payload has exactly one. */
export const CLASSES = ["status", "tracking", "logs", "errors", "schema", "data"] as const;
export type PayloadClass = (typeof CLASSES)[number];

/** What the owner says about each class. */
export interface Policy {
  readonly classes: Readonly<Record<PayloadClass, "allow" | "deny">>;
}

/** In force where the owner wrote no policy: production data never leaves. */
export const DEFAULT_POLICY: Policy = {
  classes: {
    status: "allow",
    tracking: "allow",
    logs: "allow",
    errors: "allow",
    schema: "allow",
    data: "deny",
  },
};

/** Names a policy in the ledger: SHA-256 of its canonical form, lower-case hex. */
export function policyHash(policy: Policy): string {
  return sha256Hex(canonicalJson({ classes: policy.classes }));
}
