import { sha256Hex } from "../../base/digest.ts";
import type { Json } from "../../base/json.ts";
import { canonicalJson } from "../../base/json.ts";
import { nameMatcher } from "../../base/name_patterns.ts";
import { BUILT_IN_RULES, redactBuiltIn } from "../../base/redaction/built_in/mod.ts";
import type { Redact } from "../../base/redaction/redactor.ts";
import { redactor } from "../../base/redaction/redactor.ts";
import type { RedactionRule } from "../../base/redaction/rule.ts";
import type { ShapePlace } from "./names.ts";
import { placeShaper } from "./names.ts";
import type { PayloadClass, PolicyOptions } from "./options.ts";
import { DEFAULT_OPTIONS } from "./options.ts";

/** The owner's policy, compiled once from its options: what the gate judges by. */
export interface Policy {
  readonly options: PolicyOptions;
  /** Names the policy, in the ledger and to the platform: SHA-256 of its canonical form, lower-case hex. */
  readonly hash: string;
  /**
   * Why nothing but a bare status may leave: the file cannot be used. In words that go to the platform, so
   * without anything that stands in the file. Undefined when the policy is in force.
   */
  readonly halted: string | undefined;
  readonly redact: Redact;
  readonly shapePlace: ShapePlace;
  tellsAttribute(name: string): boolean;
  tellsComponent(name: string): boolean;
  /** Whether documents of the process may be looked at, as far as its name decides. */
  namesProcess(name: string): boolean;
}

/** What a policy is compiled with, where its options ask for it. */
export interface PolicyTools {
  /** The key for hashed names. */
  nameKey?: Uint8Array | undefined;
  /** The rules of `options.redaction`, compiled. */
  ownRules?: readonly RedactionRule[];
}

/** Compiles options. Equal options give equal hashes, however the file was written. */
export function compilePolicy(options: PolicyOptions, { nameKey, ownRules = [] }: PolicyTools = {}): Policy {
  return {
    options,
    hash: sha256Hex(canonicalJson(options as unknown as Json)),
    halted: undefined,
    redact: ownRules.length === 0 ? redactBuiltIn : redactor([...BUILT_IN_RULES, ...ownRules]),
    shapePlace: placeShaper(options.tracking, nameKey),
    tellsAttribute: nameMatcher(options.status.attributes),
    tellsComponent: nameMatcher(options.status.health),
    namesProcess: nameMatcher(options.data.processes),
  };
}

export const DEFAULT_POLICY: Policy = compilePolicy(DEFAULT_OPTIONS);

/** Why nothing of a class leaves, where the policy denies it. */
export function whyDenied(payloadClass: PayloadClass, { options }: Policy): string | undefined {
  return options[payloadClass].send === "deny" ? `the policy denies the class ${payloadClass}` : undefined;
}

/** In force while the owner's file cannot be used, for the reason: nothing leaves but a bare status that says so. */
export function haltedPolicy(reason: string): Policy {
  return { ...DEFAULT_POLICY, hash: sha256Hex(canonicalJson({ halted: true })), halted: reason };
}
