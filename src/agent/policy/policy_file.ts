import { messageOf, SallyportError } from "../../base/errors.ts";
import { fromUtf8 } from "../../base/encoding.ts";
import type { Problem } from "../../base/yaml/problems.ts";
import { needsNameKey } from "../../gate/policy/names.ts";
import type { PolicyOptions } from "../../gate/policy/options.ts";
import { DEFAULT_OPTIONS } from "../../gate/policy/options.ts";
import type { Policy } from "../../gate/policy/policy.ts";
import { compilePolicy, DEFAULT_POLICY, haltedPolicy } from "../../gate/policy/policy.ts";
import { STATE_FOLDER } from "../home.ts";
import { loadNameKey } from "./name_key.ts";

/** Where the policy is, and where the key for hashed names is kept. */
export interface PolicyPlace {
  file: string;
  stateFolder: string;
}

/** The owner's file in the agent's home; the agent's permissions forbid to write it. */
export const HOME_POLICY: PolicyPlace = { file: "policy.yaml", stateFolder: STATE_FOLDER };

/** What is wrong with the file. */
export interface PolicyFault {
  /** For people here: every problem, with what stands there. */
  message: string;
  /** For the platform: where, and nothing of what stands there. */
  told: string;
  problems: readonly Problem[];
}

/** What the file says: its options, or what is wrong with it. */
export interface PolicyFile {
  /** The file, or `default` where there is none. */
  source: string;
  /** The default where the file cannot be used. */
  options: PolicyOptions;
  fault?: PolicyFault;
  /** What is allowed in it, and perhaps not meant. */
  warnings: readonly Problem[];
}

/** A policy as it was loaded. */
export interface LoadedPolicy extends Omit<PolicyFile, "options"> {
  policy: Policy;
}

/**
 * Reads what the owner's file says. Never throws for what stands in the file.
 *
 * @param now milliseconds since 1970, to warn of what has passed
 */
export async function readPolicyFile(now: number, path = HOME_POLICY.file): Promise<PolicyFile> {
  let text: string;
  try {
    text = fromUtf8(await Deno.readFile(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      return { options: DEFAULT_OPTIONS, source: "default", warnings: [] };
    }
    const why = error instanceof TypeError ? "is not text in UTF-8" : "cannot be read";
    return broken(path, why, `${path} ${why}: ${messageOf(error)}`);
  }
  // YAML and schemas are much code, and most agents have no such file.
  const { readPolicy, describeProblems } = await import("../../gate/policy/read.ts");
  const { options, problems, warnings } = readPolicy(text, now);
  if (options) return { options, source: path, warnings };
  const { line, column } = problems[0]!;
  const why = `is broken at line ${line}, column ${column}`;
  return broken(path, why, describeProblems(problems, path), problems);
}

/**
 * Loads the policy: the documented default where there is no file, and one that lets nothing but a bare status leave
 * where the file cannot be used.
 */
export async function loadPolicy(
  now: number,
  { file: path, stateFolder } = HOME_POLICY,
): Promise<LoadedPolicy> {
  const file = await readPolicyFile(now, path);
  try {
    return { ...file, policy: await compiled(file, stateFolder) };
  } catch (error) {
    if (!(error instanceof SallyportError)) throw error;
    const message = [messageOf(error), error.remedy ?? ""].join(". ");
    const unusable = broken(path, "wants names hashed, and the key for that cannot be used", message);
    return { ...unusable, policy: await compiled(unusable, stateFolder) };
  }
}

async function compiled({ options, source, fault }: PolicyFile, stateFolder: string): Promise<Policy> {
  if (fault) return haltedPolicy(fault.told);
  if (source === "default") return DEFAULT_POLICY;
  const nameKey = needsNameKey(options.tracking) ? await loadNameKey(stateFolder) : undefined;
  if (options.redaction.length === 0) return compilePolicy(options, { nameKey });
  const { compileOwnRule } = await import("../../base/redaction/own_rules.ts");
  return compilePolicy(options, { nameKey, ownRules: options.redaction.map(compileOwnRule) });
}

function broken(
  source: string,
  why: string,
  message: string,
  problems: readonly Problem[] = [],
): PolicyFile & { fault: PolicyFault } {
  const told = `${source} ${why}: nothing but this leaves until its owner has put it right`;
  return { source, options: DEFAULT_OPTIONS, fault: { message, told, problems }, warnings: [] };
}
