import type { Approval, StoredRequest } from "../../engine/requests/store.ts";
import type { Policy } from "../../gate/policy/policy.ts";
import { judgeRequest } from "../../gate/requests.ts";
import { whyTextsRefused } from "../../gate/schema.ts";
import type { Circumstances } from "../../gate/verdict.ts";

/** What becomes of a request now. */
export type Decision =
  | { to: "approved"; approval: Approval }
  | { to: "waiting"; approval?: undefined }
  | { to: "refused" | "expired"; words: string; approval?: undefined };

/**
 * What the policy and the time make of a request that has not ended; undefined when it stays as it is. Asked again
 * whenever something has changed, so a policy that denies it counts in the middle of an answer too.
 */
export function decide(
  request: StoredRequest,
  policy: Policy,
  circumstances: Circumstances,
  isApprovedForNow: () => boolean,
): Decision | undefined {
  const { class: payloadClass, parameters, requester, state, approval, deadline } = request;
  if (circumstances.now >= deadline) {
    const why = state === "waiting" ? "nobody at the agent approved it" : "it was not answered";
    return { to: "expired", words: `${why} before its deadline` };
  }
  if (policy.halted !== undefined) return undefined;
  const { verdict, reason } = judgeRequest({ class: payloadClass, requester }, policy, circumstances);
  if (verdict === "drop") return { to: "refused", words: reason };
  const denied = payloadClass === "schema" && whyTextsRefused(JSON.parse(parameters).include ?? [], policy);
  if (denied) return { to: "refused", words: denied };
  const isOpen = state === "received" || state === "waiting";
  if (verdict === "hold") {
    if (isOpen && isApprovedForNow()) return { to: "approved", approval: "standing" };
    if (state === "received" || (state === "approved" && approval === "policy")) return { to: "waiting" };
    if (state === "waiting" || approval !== "policy") return undefined;
    return { to: "refused", words: "the policy has changed: somebody at the agent must approve it first" };
  }
  return isOpen ? { to: "approved", approval: "policy" } : undefined;
}
