/**
 * Sends, has acknowledged, folds, signs, renews and prunes at random in the database given, until it is killed. Each
 * frame that goes out is told on standard output, by its SHA-256: that is what the other side has seen.
 */
import { create } from "@bufbuild/protobuf";
import { Spending } from "../../src/agent/policy/spending.ts";
import { recordsDrains } from "../../src/agent/drain/records.ts";
import { Pump } from "../../src/agent/pump.ts";
import { StateGuard } from "../../src/agent/state_guard.ts";
import type { Clock } from "../../src/base/clock.ts";
import { systemClock } from "../../src/base/clock.ts";
import { sha256Hex } from "../../src/base/digest.ts";
import { utf8 } from "../../src/base/encoding.ts";
import { parseUuid } from "../../src/base/ids.ts";
import { createLog } from "../../src/base/log.ts";
import { openDatabase } from "../../src/base/sqlite.ts";
import { DEFAULT_POLICY } from "../../src/gate/policy/policy.ts";
import type { Credential } from "../../src/identity/candidate.ts";
import { LedgerKeeper } from "../../src/ledger/keeper.ts";
import { Ledger } from "../../src/ledger/ledger.ts";
import { AgentToServerSchema } from "../../src/protocol/generated/opamp_pb.ts";
import { Spool } from "../../src/spool/spool.ts";
import { signWith } from "../../src/trust/signature.ts";
import type { MessageParts } from "../../src/uplink/uplink.ts";
import { decodeFrame } from "../../src/protocol/codec.ts";
import { readJsonMessage } from "../../src/protocol/messages.ts";
import { trackingBatchSchema } from "../../src/protocol/payloads/tracking.ts";
import { RUN_STARTED } from "../support/records.ts";

const [path, uid, start, credentialsJson] = Deno.args as [string, string, string, string];
const credentials: Credential[] = JSON.parse(credentialsJson);

// Up to an hour passes with each look at the clock, and a minute of waiting takes a millisecond.
let now = Number(start);
const clock: Clock = {
  now: () => now += Math.floor(3_600_000 * Math.random()),
  monotonic: () => systemClock.monotonic(),
  after: (ms, callback) => systemClock.after(ms / 60_000, callback),
};
const log = createLog({ clock: systemClock, format: "json", level: "error" });
const guard = new StateGuard(log);
const db = openDatabase(path);
const spool = new Spool(db, clock);
let credential = credentials[0]!;
const keeper = new LedgerKeeper({
  db,
  clock,
  guard,
  limits: { ageMs: 20 * 86_400_000, bytes: 5_000 },
  signer: () => ({ certificate: credential.certificate, sign: (data) => signWith(credential.key, data) }),
  onCheckpoint() {},
});

let sequence = 0n;
/** What a platform has by now. */
let stored = 0;
const uplink = {
  ready: true,
  takes: () => true,
  compose: (parts: MessageParts) =>
    create(AgentToServerSchema, {
      ...parts,
      instanceUid: parseUuid(uid)!,
      sequenceNum: sequence++,
      capabilities: 0xa907n,
    }),
  send(frame: Uint8Array) {
    Deno.stdout.writeSync(utf8(`${sha256Hex(frame)}\n`));
    const { customMessage } = decodeFrame(AgentToServerSchema, frame);
    if (customMessage?.type === "batch") stored = readJsonMessage(customMessage, trackingBatchSchema).through;
    return true;
  },
};
const spending = new Spending(db, clock);
const policy = () => DEFAULT_POLICY;
const circumstances = () => spending.circumstances();
const pump = new Pump({
  db,
  spool,
  ledger: new Ledger(db, clock),
  policy,
  spending,
  onApproved: () => {},
  channels: recordsDrains({ policy, circumstances, log }),
  uplink,
  clock,
  log,
  guard,
});

keeper.start();
void keeper.run(new AbortController().signal);
pump.sendStatus(() => ({ health: { healthy: true } }));
const actions = [
  () => pump.sendStatus(() => ({})),
  () => pump.sendStatus(() => ({})),
  () => pump.sendStatus(() => ({})),
  () => pump.sendStatus(() => ({ health: { healthy: true, status: `${sequence}` } })),
  () => {
    spool.put("tracking", RUN_STARTED);
    pump.drain();
  },
  () => pump.acknowledged("tracking", { stream: spool.stream("tracking"), through: stored }),
  () => {
    pump.disconnected();
    pump.connected();
  },
  () => keeper.stop(),
  () => {
    const next = credentials.find((each) => each !== credential)!;
    keeper.introduce(next.certificate);
    credential = next;
  },
];
for (;;) {
  actions[Math.floor(Math.random() * actions.length)]!();
  await new Promise((resolve) => setTimeout(resolve, 0));
}
