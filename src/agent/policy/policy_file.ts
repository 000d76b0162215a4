import { messageOf, SallyportError } from "../../base/errors.ts";
import { fromUtf8 } from "../../base/encoding.ts";
import { describeProblems } from "../../base/yaml/problems.ts";
import type { Problem } from "../../base/yaml/problems.ts";
import { needsNameKey } from "../../gate/policy/names.ts";
import type { PolicyOptions } from "../../gate/policy/options.ts";
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

/** A policy as it was loaded, and where it comes from. */
export interface LoadedPolicy {
  policy: Policy;
  /** The file, or `default` where there is none. */
  source: string;
  /** What is wrong with the file, for people here; undefined when nothing is. */
  fault?: { message: string; problems: readonly Problem[] };
  /** What is allowed in it, and perhaps not meant. */
  warnings: readonly Problem[];
}

/**
 * Loads the policy: the documented default where there is no file, and one that lets nothing but a bare status leave
 * where the file cannot be used. Never throws for what stands in the file.
 *
 * @param now milliseconds since 1970, to warn of what has passed
 */
export async function loadPolicy(
  now: number,
  { file: path, stateFolder } = HOME_POLICY,
): Promise<LoadedPolicy> {
  let text: string;
  try {
    text = fromUtf8(await Deno.readFile(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      return { policy: DEFAULT_POLICY, source: "default", warnings: [] };
    }
    const why = error instanceof TypeError ? "is not text in UTF-8" : "cannot be read";
    return broken(path, why, { message: `${path} ${why}: ${messageOf(error)}`, problems: [] });
  }
  // YAML and schemas are much code, and most agents have no such file.
  const { readPolicy } = await import("../../gate/policy/read.ts");
  const { options, problems, warnings } = readPolicy(text, now);
  const [first] = problems;
  if (first) {
    const why = `is broken at line ${first.line}, column ${first.column}`;
    return broken(path, why, { message: describeProblems(problems, path), problems });
  }
  try {
    return { policy: await compiled(options!, stateFolder), source: path, warnings };
  } catch (error) {
    if (!(error instanceof SallyportError)) throw error;
    const message = [messageOf(error), error.remedy ?? ""].join(". ");
    return broken(path, "wants names hashed, and the key for that cannot be used", { message, problems: [] });
  }
}

async function compiled(options: PolicyOptions, stateFolder: string): Promise<Policy> {
  const nameKey = needsNameKey(options.tracking) ? await loadNameKey(stateFolder) : undefined;
  if (options.redaction.length === 0) return compilePolicy(options, { nameKey });
  const { compileOwnRule } = await import("../../base/redaction/own_rules.ts");
  return compilePolicy(options, { nameKey, ownRules: options.redaction.map(compileOwnRule) });
}

/** `why` goes to the platform, so it says where, and nothing of what stands there. */
function broken(source: string, why: string, fault: NonNullable<LoadedPolicy["fault"]>): LoadedPolicy {
  const reason = `${source} ${why}: nothing but this leaves until its owner has put it right`;
  return { policy: haltedPolicy(reason), source, fault, warnings: [] };
}
