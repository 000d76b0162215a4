import { nameMatcher } from "../base/name_patterns.ts";
import { bytesLeft, overBudget } from "./budget.ts";
import { otherProcesses, whyDataIsOver } from "./data.ts";
import type { Day, Hours, OnDemandClass } from "./policy/options.ts";
import type { Policy } from "./policy/policy.ts";
import { whyDenied } from "./policy/policy.ts";
import type { Circumstances, Verdict } from "./verdict.ts";

/** Something that a person at the platform asks for. */
export interface OnDemandRequest {
  class: OnDemandClass;
  /** Who asks, as the platform names them. */
  requester: string;
  /** For `data`: whose documents, and whether the process itself allows that. */
  process?: { name: string; allowsData: boolean };
}

/** Decides on a request: `hold` means that somebody here must approve it first, `drop` that it is refused. */
export function judgeRequest(
  request: OnDemandRequest,
  policy: Policy,
  circumstances: Circumstances,
): Verdict<OnDemandRequest> {
  const refusal = whyRefused(request, policy, circumstances);
  if (refusal !== undefined) return { verdict: "drop", reason: refusal };
  if (policy.options[request.class].send === "allow") return { verdict: "allow", payload: request };
  return { verdict: "hold", reason: "the policy wants somebody at this agent to approve it first" };
}

function whyRefused(
  request: OnDemandRequest,
  policy: Policy,
  circumstances: Circumstances,
): string | undefined {
  const { class: payloadClass, requester, process } = request;
  const { halted, options } = policy;
  const { requesters, hours } = options[payloadClass];
  if (halted !== undefined) return halted;
  const denied = whyDenied(payloadClass, policy);
  if (denied !== undefined) return denied;
  if (payloadClass === "data") {
    const over = whyDataIsOver(policy, circumstances.now);
    if (over !== undefined) return over;
    if (!process) return "production data is asked for by the process whose it is";
    if (!policy.namesProcess(process.name)) return otherProcesses(process.name);
    if (!process.allowsData) return `the process ${process.name} does not allow it itself`;
  }
  if (!nameMatcher(requesters)(requester)) {
    return `the policy does not let ${requester} ask for ${payloadClass}`;
  }
  if (hours && !isWithin(hours, circumstances.now)) {
    return `the policy answers from ${hours.from} to ${hours.to} on ${
      hours.days.join(", ")
    } (${hours.timezone})`;
  }
  if (bytesLeft(payloadClass, policy, circumstances) === 0) return overBudget(payloadClass, policy);
  return undefined;
}

/** By the policy's hours: to make one takes ten times as long as to use it, and it is asked before each chunk. */
const formats = new WeakMap<Hours, Intl.DateTimeFormat>();

function formatOf(hours: Hours): Intl.DateTimeFormat {
  const known = formats.get(hours);
  if (known) return known;
  const format = new Intl.DateTimeFormat("en", {
    timeZone: hours.timezone,
    weekday: "short",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  });
  formats.set(hours, format);
  return format;
}

function isWithin(hours: Hours, now: number): boolean {
  const { from, to, days } = hours;
  const parts = Object.fromEntries(
    formatOf(hours).formatToParts(now).map(({ type, value }) => [type, value]),
  );
  const time = `${parts.hour}:${parts.minute}`;
  return days.includes(parts.weekday!.toLowerCase() as Day) && time >= from && time < to;
}
