import { checkYaml } from "../../base/yaml/checked.ts";
import type { Issue, Problem } from "../../base/yaml/problems.ts";
import { describeProblems } from "../../base/yaml/problems.ts";
import { CLASSES, DAYS, DEFAULT_OPTIONS } from "./options.ts";
import type { Decision, Hours, OnDemandOptions, PolicyOptions } from "./options.ts";
import type { PolicyFile } from "./schema.ts";
import { policySchema } from "./schema.ts";

export { describeProblems };

const MAX_POLICY_BYTES = 64 * 1024;

/** What a text came to as a policy: its options, or what is wrong with it, in the order of the text. */
export type ReadPolicy =
  | { options: PolicyOptions; problems: []; warnings: Problem[] }
  | { options: undefined; problems: Problem[]; warnings: [] };

/**
 * Reads the text of a `policy.yaml`. Loaded only where there is one: YAML is a large library.
 *
 * @param now milliseconds since 1970, to warn of what has passed
 */
export function readPolicy(text: string, now: number): ReadPolicy {
  const bad = (problems: Problem[]): ReadPolicy => ({ options: undefined, problems, warnings: [] });
  const checked = checkYaml(text, policySchema, { what: "the policy", maxBytes: MAX_POLICY_BYTES });
  if (checked.value === undefined) return bad(checked.problems);
  const problems = checked.placed(contradictions(checked.value));
  if (problems.length > 0) return bad(problems);
  const options = withDefaults(checked.value);
  return { options, problems: [], warnings: checked.placed(doubts(checked.value, options, now)) };
}

function withDefaults(file: PolicyFile): PolicyOptions {
  const { status, tracking, logs, errors, schema, data } = DEFAULT_OPTIONS;
  return {
    status: {
      ...status,
      ...common(file.status, status),
      attributes: file.status?.attributes ?? status.attributes,
      health: file.status?.health ?? status.health,
      processTexts: file.status?.processTexts ?? status.processTexts,
    },
    tracking: {
      ...common(file.tracking, tracking),
      names: file.tracking?.names ?? tracking.names,
      directories: file.tracking?.directories ?? tracking.directories,
    },
    logs: onDemand(file.logs, logs),
    errors: onDemand(file.errors, errors),
    schema: {
      ...onDemand(file.schema, schema),
      defaults: file.schema?.defaults ?? schema.defaults,
      comments: file.schema?.comments ?? schema.comments,
      enums: file.schema?.enums ?? schema.enums,
    },
    data: {
      ...onDemand(file.data, data),
      until: file.data?.until ?? data.until,
      processes: file.data?.processes ?? data.processes,
    },
    redaction: file.redaction ?? [],
  };
}

function common<D extends Decision>(
  file: { send?: D | undefined; budget?: number | undefined } | undefined,
  { send, bytesPerDay }: { send: D; bytesPerDay: number },
): { send: D; bytesPerDay: number } {
  return { send: file?.send ?? send, bytesPerDay: file?.budget ?? bytesPerDay };
}

function onDemand(file: PolicyFile["logs"], defaults: OnDemandOptions): OnDemandOptions {
  return {
    ...common(file, defaults),
    requesters: file?.requesters ?? defaults.requesters,
    hours: file?.hours ? hoursOf(file.hours) : defaults.hours,
  };
}

/** Equal hours in one form, whatever the order of the days. */
function hoursOf({ from, to, days, timezone }: NonNullable<NonNullable<PolicyFile["logs"]>["hours"]>): Hours {
  return { from, to, days: DAYS.filter((day) => days?.includes(day) ?? true), timezone: timezone ?? "UTC" };
}

function contradictions({ data, redaction = [] }: PolicyFile): Issue[] {
  const issues: Issue[] = [];
  if (data?.send !== undefined && data.send !== "deny" && data.until === undefined) {
    issues.push(at(["data"], "needs an end: production data leaves for a time, as in until: 2027-01-31"));
  }
  for (const [i, { name }] of redaction.entries()) {
    if (redaction.findIndex((other) => other.name === name) === i) continue;
    issues.push(at(["redaction", i, "name"], `"${name}" is the name of another rule above`));
  }
  return issues;
}

/** What is allowed, and perhaps not meant. */
function doubts(file: PolicyFile, options: PolicyOptions, now: number): Issue[] {
  const open = CLASSES.filter((name) => file[name] !== undefined && file[name].send === undefined);
  const issues = open.map((name) =>
    at([name], `has no decision, so the default holds: ${options[name].send}`)
  );
  const silent = CLASSES.filter((name) => file[name] === undefined)
    .map((name) => `${name} (${options[name].send})`);
  if (silent.length > 0) issues.push(at([], `says nothing of ${silent.join(", ")}: there the default holds`));
  const { send, until } = options.data;
  if (send !== "deny" && until !== null && Date.parse(until) < now) {
    issues.push(at(["data", "until"], `has passed: ${until}. No production data leaves any more`));
  }
  if (send === "allow" && options.tracking.send === "deny") {
    issues.push(
      at(
        ["data"],
        "tracking is denied: the platform gets fields of documents, and shows none without their runs",
      ),
    );
  }
  if (options.status.send === "deny") {
    issues.push(
      at(["status"], "the platform will see that the agent is alive, and nothing else of its state"),
    );
  }
  return issues;
}

function at(path: (string | number)[], message: string): Issue {
  return { code: "custom", path, message, input: undefined };
}
