import { assertEquals } from "@std/assert";
import { create } from "@bufbuild/protobuf";
import type { SpooledChannel } from "../../src/agent/drain/channel.ts";
import { recordsDrains } from "../../src/agent/drain/records.ts";
import { Spending } from "../../src/agent/policy/spending.ts";
import { Pump } from "../../src/agent/pump.ts";
import type { Attempt } from "../../src/agent/state_guard.ts";
import { StateGuard } from "../../src/agent/state_guard.ts";
import type { Log } from "../../src/base/log.ts";
import { silentLog } from "../../src/base/log.ts";
import { SPOOL_QUOTAS } from "../../src/base/limits.ts";
import type { Policy } from "../../src/gate/policy/policy.ts";
import { DEFAULT_POLICY } from "../../src/gate/policy/policy.ts";
import { Ledger } from "../../src/ledger/ledger.ts";
import { LedgerReader } from "../../src/ledger/reader.ts";
import { decodeFrame } from "../../src/protocol/codec.ts";
import { AgentToServerSchema } from "../../src/protocol/generated/opamp_pb.ts";
import type { TrackingBatch } from "../../src/protocol/payloads/tracking.ts";
import { Spool } from "../../src/spool/spool.ts";
import type { MessageParts } from "../../src/uplink/uplink.ts";
import { TestClock } from "../support/clock.ts";
import { temporaryDatabase } from "../support/home.ts";

export interface PumpingOptions {
  policy?: Policy;
  channels?: SpooledChannel[];
  quotas?: typeof SPOOL_QUOTAS;
  log?: Log;
  random?: () => number;
  /** What the pump has for work that fails on the database. */
  attempt?: Attempt;
}

/** A pump on a real database, with a wire that keeps what is put on it. */
export function pumping(options: PumpingOptions = {}) {
  const { log = silentLog, quotas = SPOOL_QUOTAS, random = () => 0 } = options;
  const home = temporaryDatabase();
  const clock = new TestClock();
  const spool = new Spool(home.db, clock, quotas);
  const ledger = new Ledger(home.db, clock);
  const reader = new LedgerReader(home.db);
  const guard = new StateGuard(log, options.attempt);
  const spending = new Spending(home.db, clock);
  const owner = { policy: options.policy ?? DEFAULT_POLICY };
  const frames: Uint8Array[] = [];
  const uplink = {
    ready: true,
    takesTracking: true,
    takes: () => uplink.takesTracking,
    compose: (parts: MessageParts) => create(AgentToServerSchema, parts),
    send(frame: Uint8Array<ArrayBuffer>) {
      // What is on the wire must be in the ledger already, committed, byte for byte.
      assertEquals([home.db.isTransaction, new Uint8Array(reader.body(frames.length + 1)!)], [false, frame]);
      frames.push(frame);
      return true;
    },
  };
  const policy = () => owner.policy;
  const circumstances = () => spending.circumstances();
  const channels = options.channels ?? recordsDrains({ policy, circumstances, log });
  const pump = new Pump({
    db: home.db,
    spool,
    ledger,
    policy,
    spending,
    onApproved: () => {},
    channels,
    uplink,
    clock,
    log,
    guard,
    random,
  });
  /** The custom messages of a type, in the order in which they were sent. */
  const sent = <T>(type: string): T[] =>
    frames.flatMap((frame) => {
      const { customMessage } = decodeFrame(AgentToServerSchema, frame);
      return customMessage?.type === type ? [JSON.parse(new TextDecoder().decode(customMessage.data))] : [];
    });
  const ack = (through: number, credit?: number, channel = "tracking") =>
    pump.acknowledged(channel, { stream: spool.stream(channel), through, credit });
  return {
    home,
    clock,
    spool,
    reader,
    frames,
    uplink,
    owner,
    guard,
    pump,
    sent,
    ack,
    batches: () => sent<TrackingBatch>("batch"),
    resumes: () => sent<{ stream: string }>("resume"),
    /** A new connection, on which the platform says that it has everything up to `through`. */
    connect(through = 0, credit?: number) {
      uplink.ready = true;
      pump.connected();
      for (const { name } of channels) if (!spool.isEmpty(name)) ack(through, credit, name);
    },
    disconnect() {
      uplink.ready = false;
      pump.disconnected();
    },
    [Symbol.dispose]() {
      pump.disconnected();
      home[Symbol.dispose]();
    },
  };
}
