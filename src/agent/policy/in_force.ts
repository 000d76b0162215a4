import type { Database } from "../../base/sqlite.ts";
import { offerDataGrant } from "../../engine/data_grant.ts";
import type { DataGrant } from "../../engine/data_grant.ts";
import { offerRedaction } from "../../engine/redaction.ts";
import type { Policy } from "../../gate/policy/policy.ts";
import type { Attributes } from "../../protocol/attributes.ts";
import type { AgentContext } from "../home.ts";
import { PolicyKeeper } from "./keeper.ts";
import type { LoadedPolicy } from "./policy_file.ts";
import { recordPolicy } from "./policy_record.ts";
import type { Attempt } from "../state_guard.ts";

/** The owner's policy, as the gatehouse lives by it. */
export interface PolicyInForce {
  /** For what leaves at this moment. */
  readonly current: Policy;
  /** Whether the file has changed and is being read. */
  readonly isReading: boolean;
  /** Why the file cannot be used, without its words; undefined when it can. */
  readonly fault: string | undefined;
  /** What the platform is told of it. */
  attributes(): Attributes;
  /** Follows the file until `signal` aborts. */
  watch(signal: AbortSignal): Promise<void>;
}

/**
 * Loads the policy, and from then on takes over every change: notes it for `sallyport status`, and hands the owner's
 * redaction rules and what may be taken of documents to the engine. `onChange` is told when another one is in force.
 */
export async function policyInForce(
  db: Database,
  context: AgentContext & { attempt: Attempt },
  onChange: () => void,
): Promise<PolicyInForce> {
  const take = (loaded: LoadedPolicy) => {
    const { policy, source, fault } = loaded;
    // A file that is broken says nothing about rules: the engine goes on with those it has.
    if (!fault) context.attempt(() => offerRedaction(db, policy.options.redaction));
    context.attempt(() => offerDataGrant(db, fault ? undefined : grantOf(policy)));
    if (fault) context.log.error("nothing leaves but a bare status", { reason: fault.message });
    else context.log.info("policy in force", { source, hash: policy.hash });
    return context.attempt(() => recordPolicy(db, loaded, context.clock));
  };
  const keeper = await PolicyKeeper.open(context, (loaded) => {
    facts = take(loaded);
    onChange();
  });
  let facts = take(keeper.loaded);
  return {
    get current() {
      return keeper.current;
    },
    get isReading() {
      return keeper.isReading;
    },
    get fault() {
      return keeper.loaded.fault?.told;
    },
    attributes: () => ({ "sallyport.policy.hash": facts.hash, "sallyport.policy.source": facts.source }),
    watch: (signal) => keeper.watch(signal),
  };
}

/** What documents may be looked at without anybody here being asked. */
function grantOf({ options: { data: { send, until, processes } } }: Policy): DataGrant | undefined {
  return send === "allow" && until !== null ? { until, processes } : undefined;
}
