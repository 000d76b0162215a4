import { toJson } from "@bufbuild/protobuf";
import { fromUtf8 } from "../base/encoding.ts";
import type { Database } from "../base/sqlite.ts";
import { recentRuns } from "../engine/runs.ts";
import type { RecordClass } from "../gate/batch.ts";
import { judgeRecord } from "../gate/batch.ts";
import { judgeMessage } from "../gate/gate.ts";
import type { PayloadClass } from "../gate/policy/options.ts";
import type { Policy } from "../gate/policy/policy.ts";
import { RECORD_CLASSES } from "../gate/record_classes.ts";
import type { Circumstances, Verdict } from "../gate/verdict.ts";
import { LedgerReader } from "../ledger/reader.ts";
import { decodeFrame } from "../protocol/codec.ts";
import type { AgentToServer } from "../protocol/generated/opamp_pb.ts";
import { AgentToServerSchema } from "../protocol/generated/opamp_pb.ts";
import type { RecordBatch } from "../protocol/payloads/stream.ts";
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

/** An example of what has a channel already: status, tracking and data. Null where there is no record of it. */
export function exampleOf(
  name: PayloadClass,
  db: Database,
  policy: Policy,
  circumstances: Circumstances,
): Example | null {
  const kind = RECORD_CLASSES.find((each) => each.class === name);
  if (kind) {
    const found = newestRecord(db, kind);
    const judge = (record: unknown) => judgeRecord(kind, record, policy, circumstances.now);
    return found && example(found.from, judge(found.record), (record) => record);
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

interface FoundRecord {
  from: string;
  record: unknown;
}

function newestRecord(db: Database, { class: name, capability }: RecordClass<object>): FoundRecord | null {
  const newest = newestPayload(db, name);
  if (newest) return { from: `spool, seq ${newest.seq}`, record: newest.payload };
  return name === "tracking" ? finishedRun(db) : sentRecord(db, name, capability);
}

/** A record as it left, of which nothing is kept but in the ledger. */
function sentRecord(db: Database, name: string, capability: string): FoundRecord | null {
  const ledger = new LedgerReader(db);
  if (!ledger.exists()) return null;
  const entry = ledger.newest(SEARCHED_ENTRIES, { class: name })
    .findLast(({ kept, records }) => kept && records !== "resume");
  const body = entry && ledger.body(entry.number);
  const message = body && decodeFrame(AgentToServerSchema, body).customMessage;
  if (message?.capability !== capability) return null;
  const { records }: RecordBatch<unknown> = JSON.parse(fromUtf8(message.data));
  return records.length === 0
    ? null
    : { from: `ledger, entry ${entry!.number}`, record: records.at(-1)!.record };
}

function finishedRun(db: Database): FoundRecord | null {
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
