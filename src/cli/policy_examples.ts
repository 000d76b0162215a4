import { toJson } from "@bufbuild/protobuf";
import type { Database } from "../base/sqlite.ts";
import { recentRuns } from "../engine/runs.ts";
import { judgeMessage } from "../gate/gate.ts";
import type { PayloadClass } from "../gate/policy/options.ts";
import type { Policy } from "../gate/policy/policy.ts";
import { judgeTracking } from "../gate/tracking.ts";
import type { Circumstances, Verdict } from "../gate/verdict.ts";
import { LedgerReader } from "../ledger/reader.ts";
import { decodeFrame } from "../protocol/codec.ts";
import type { AgentToServer } from "../protocol/generated/opamp_pb.ts";
import { AgentToServerSchema } from "../protocol/generated/opamp_pb.ts";
import { newestPayload } from "../spool/contents.ts";

/** Something that this machine had to send, as it would leave now; or why it would not. */
export interface Example {
  /** Where it was found. */
  from: string;
  verdict: Verdict<unknown>["verdict"];
  reason: string | null;
  payload: unknown;
}

/** How far back the ledger is searched for a status that says more than a heartbeat. */
const SEARCHED_ENTRIES = 5_000;

/** An example of what has a channel already: status and tracking. Null where there is no record of it. */
export function exampleOf(
  name: PayloadClass,
  db: Database,
  policy: Policy,
  circumstances: Circumstances,
): Example | null {
  if (name === "tracking") {
    const found = newestRecord(db);
    return found && example(found.from, judgeTracking(found.record, policy), (record) => record);
  }
  if (name !== "status") return null;
  const found = newestStatus(db);
  if (!found) return null;
  const verdict = judgeMessage(found.message, policy, circumstances);
  return example(found.from, verdict, (message) => toJson(AgentToServerSchema, message));
}

function example<T>(from: string, verdict: Verdict<T>, show: (payload: T) => unknown): Example {
  const { payload, reason } = verdict;
  return { from, verdict: verdict.verdict, reason: reason ?? null, payload: payload ? show(payload) : null };
}

function newestRecord(db: Database): { from: string; record: unknown } | null {
  const newest = newestPayload(db, "tracking");
  return newest ? { from: `spool, seq ${newest.seq}`, record: newest.payload } : finishedRun(db);
}

function finishedRun(db: Database): { from: string; record: unknown } | null {
  const run = recentRuns(db, 100).find(({ state }) => state === "finished");
  if (!run) return null;
  const { state: _state, ...record } = run;
  return {
    from: `run ${run.runId}, without its files`,
    record: { kind: "run-finished", files: [], ...record },
  };
}

function newestStatus(db: Database): { from: string; message: AgentToServer } | null {
  const ledger = new LedgerReader(db);
  if (!ledger.exists()) return null;
  const entry = ledger.newest(SEARCHED_ENTRIES).findLast(({ class: name, records }) =>
    name === "status" && /agentDescription|health/.test(records)
  );
  const body = entry && ledger.body(entry.number);
  if (!body) return null;
  return {
    from: `ledger, entry ${entry.number}`,
    message: decodeFrame(AgentToServerSchema, body),
  };
}
