import { create } from "@bufbuild/protobuf";
import { parseUuid } from "../../src/base/ids.ts";
import type { Database } from "../../src/base/sqlite.ts";
import { openDatabase } from "../../src/base/sqlite.ts";
import { StateGuard } from "../../src/agent/state_guard.ts";
import { silentLog } from "../../src/base/log.ts";
import type { Credential } from "../../src/identity/candidate.ts";
import { LedgerKeeper } from "../../src/ledger/keeper.ts";
import type { KeeperOptions } from "../../src/ledger/keeper.ts";
import { Ledger } from "../../src/ledger/ledger.ts";
import { LedgerReader } from "../../src/ledger/reader.ts";
import type { Signer } from "../../src/ledger/statement.ts";
import type { Knowledge, Verification } from "../../src/ledger/verify.ts";
import { verification } from "../../src/ledger/verify.ts";
import { encodeFrame } from "../../src/protocol/codec.ts";
import { AgentToServerSchema } from "../../src/protocol/generated/opamp_pb.ts";
import { createAuthority, issueAgentCertificate } from "../../src/trust/certificate_authority.ts";
import { generateKeyPair, privateKeyToPem } from "../../src/trust/keys.ts";
import { signWith } from "../../src/trust/signature.ts";
import { TestClock } from "../support/clock.ts";

export const AGENT = "01890a5d-ac96-774b-bcce-b302099a8057";
const VALIDITY = { notBefore: Date.UTC(2026, 0, 1), notAfter: Date.UTC(2036, 0, 1) };

const authorityKeys = await generateKeyPair();
/** A platform's CA (PEM), and another that has nothing to do with it. */
export const CA = await createAuthority("a platform", authorityKeys, VALIDITY);
export const OTHER_CA = await createAuthority("another platform", await generateKeyPair(), VALIDITY);

/** A key of the agent (PEM), with a certificate of {@linkcode CA} or of nobody. */
export async function makeCredential(issued = true): Promise<Credential> {
  const keys = await generateKeyPair();
  const key = await privateKeyToPem(keys.privateKey);
  const authority = issued
    ? { certificate: CA, key: authorityKeys.privateKey }
    : { certificate: await createAuthority("nobody", keys, VALIDITY), key: keys.privateKey };
  const certificate = await issueAgentCertificate(authority, keys.publicKey, AGENT, VALIDITY);
  return { key, certificate };
}

/** The same, as the ledger gets it. */
export async function makeSigner(issued = true): Promise<Signer> {
  const { key, certificate } = await makeCredential(issued);
  return { certificate, sign: (data) => signWith(key, data) };
}

/** Keys that take turns; making one takes milliseconds. */
export const SIGNERS = [await makeSigner(), await makeSigner(), await makeSigner(false)] as const;

/** A heartbeat as the agent sends it. */
export function heartbeat(sequence: number): Uint8Array<ArrayBuffer> {
  return encodeFrame(
    AgentToServerSchema,
    create(AgentToServerSchema, {
      instanceUid: parseUuid(AGENT)!,
      sequenceNum: BigInt(sequence),
      capabilities: 0xa907n,
    }),
  );
}

/** A ledger on a clock that stands; in memory, because a disk would only make the tests slower. */
export class TestLedger implements Disposable {
  readonly db: Database;
  readonly clock = new TestClock();
  readonly ledger: Ledger;
  readonly reader: LedgerReader;
  signer: Signer = SIGNERS[0];
  #sequence = 0;

  constructor(db = openDatabase(":memory:")) {
    this.db = db;
    this.ledger = new Ledger(this.db, this.clock);
    this.reader = new LedgerReader(this.db);
  }

  /** A keeper as a start of the agent makes one. */
  keeper(changes: Partial<KeeperOptions> = {}): LedgerKeeper {
    const keeper = new LedgerKeeper({
      db: this.db,
      clock: this.clock,
      guard: new StateGuard(silentLog),
      limits: { ageMs: 90 * 86_400_000, bytes: 2 ** 30 },
      signer: () => this.signer,
      onCheckpoint() {},
      ...changes,
    });
    keeper.start();
    return keeper;
  }

  /** Writes down a payload; gives the number of its entry. */
  send(text: string, payloadClass = "tracking"): number {
    this.#sequence++;
    const body = new TextEncoder().encode(text);
    return this.ledger.intend({ class: payloadClass, records: `seq ${this.#sequence}`, policy: "p", body })
      .number;
  }

  /** Writes down heartbeats, the next of this connection; gives the number of the entry of the last. */
  beat(count = 1, everyMs = 0): number {
    let number = 0;
    for (let i = 0; i < count; i++) {
      const body = heartbeat(++this.#sequence);
      number = this.ledger.intend({ class: "status", records: "heartbeat", policy: "p", body }).number;
      this.pass(everyMs);
    }
    return number;
  }

  /** Lets time pass without anything happening. */
  pass(ms: number): void {
    this.clock.jump(ms);
  }

  verify(knowledge?: Knowledge): Verification {
    return verification(this.reader, knowledge);
  }

  /** Changes the database as somebody could who has the file. */
  tamper(sql: string): void {
    this.db.exec(
      `PRAGMA foreign_keys = OFF; DROP TRIGGER IF EXISTS ledger_stays; DROP TRIGGER IF EXISTS ledger_is_frozen; ${sql}`,
    );
  }

  [Symbol.dispose](): void {
    this.db.close();
  }
}
