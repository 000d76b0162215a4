import { create } from "@bufbuild/protobuf";
import { RECONNECT } from "../../src/agent/gatehouse.ts";
import { Backoff } from "../../src/base/backoff.ts";
import { DAY_MS, systemClock } from "../../src/base/clock.ts";
import { sha256Hex } from "../../src/base/digest.ts";
import { fromBase64Url } from "../../src/base/encoding.ts";
import { randomToken, uuidv7 } from "../../src/base/ids.ts";
import { silentLog } from "../../src/base/log.ts";
import { BACKDATE_MS, loadIdentity } from "../../src/platform/ca/identity.ts";
import { DATABASE_FILE, openSqliteStore } from "../../src/platform/store/sqlite.ts";
import { describe } from "../../src/protocol/attributes.ts";
import { AGENT_CAPABILITY } from "../../src/protocol/capabilities.ts";
import { encodeFrame } from "../../src/protocol/codec.ts";
import { AgentToServerSchema } from "../../src/protocol/generated/opamp_pb.ts";
import { readCertificate } from "../../src/trust/certificate.ts";
import { issueAgentCertificate } from "../../src/trust/certificate_authority.ts";
import { generateKeyPair, privateKeyToPem } from "../../src/trust/keys.ts";
import type { MessageParts, UplinkIdentity, UplinkListener } from "../../src/uplink/uplink.ts";
import { Uplink } from "../../src/uplink/uplink.ts";
import { webSocketOpener } from "../../src/uplink/socket.ts";

const CAPABILITIES = AGENT_CAPABILITY.reportsStatus | AGENT_CAPABILITY.reportsHealth |
  AGENT_CAPABILITY.reportsHeartbeat | AGENT_CAPABILITY.acceptsOpampConnectionSettings;

/** Makes enrolled agents, with certificates of this life, in the data folder of a platform that does not run. */
export async function enrolCrowd(
  dataDir: string,
  authority: string,
  count: number,
  lifeMs = 30 * DAY_MS,
): Promise<UplinkIdentity[]> {
  const identity = await loadIdentity(dataDir, DATABASE_FILE, systemClock);
  const ca = identity.authority.certificate;
  const proofKey = fromBase64Url(identity.proofKeySpki);
  const store = openSqliteStore(dataDir);
  try {
    const crowd: UplinkIdentity[] = [];
    for (let number = 1; number <= count; number++) {
      const now = systemClock.now();
      const [keys, instanceUid, enrolment] = [
        await generateKeyPair(),
        uuidv7(systemClock),
        uuidv7(systemClock),
      ];
      const validity = { notBefore: now - BACKDATE_MS, notAfter: now + lifeMs };
      const certificate = await issueAgentCertificate(
        identity.authority,
        keys.publicKey,
        instanceUid,
        validity,
      );
      const name = `simulated ${number}`;
      await store.enrolments.create(
        { id: enrolment, secretHash: sha256Hex(randomToken()), name, expiresAt: now + DAY_MS },
        now,
      );
      const answer = { instanceUid, certificate, name };
      await store.enrolments.redeem(
        enrolment,
        { publicKey: instanceUid, answer, certificate: readCertificate(certificate) },
        now,
      );
      const key = await privateKeyToPem(keys.privateKey);
      crowd.push({ authority, instanceUid, ca, certificate, key, proofKey });
    }
    return crowd;
  } finally {
    await store.close();
  }
}

/** A simulated agent: the agent's own uplink, waits and sockets, without what stands behind them. */
export function simulatedAgent(
  identity: UplinkIdentity,
  { ready, closed = () => {} }: Pick<UplinkListener, "ready"> & Partial<Pick<UplinkListener, "closed">>,
): Uplink {
  const send = (parts: MessageParts): boolean =>
    uplink.send(encodeFrame(AgentToServerSchema, create(AgentToServerSchema, uplink.compose(parts))));
  const uplink: Uplink = new Uplink({
    identity,
    capabilities: CAPABILITIES,
    open: webSocketOpener(systemClock),
    clock: systemClock,
    log: silentLog,
    backoff: new Backoff(RECONNECT),
    heartbeatMs: 30_000,
    listener: {
      proved() {},
      greet: () =>
        send({
          agentDescription: describe({ "service.version": "0" }, { "os.type": "simulated" }),
          health: { healthy: true, status: "ok" },
        }),
      ready,
      heartbeat: () => send({}),
      message() {},
      farewell: () => send({ agentDisconnect: {} }),
      closed,
    },
  });
  return uplink;
}

/** Many simulated agents. */
export class Crowd implements AsyncDisposable {
  /** When an agent became ready, in milliseconds on the monotonic clock. */
  readonly arrivals: number[] = [];
  /** Tries that failed, by the code of the error. */
  readonly failures = new Map<string, number>();
  readonly #uplinks: Uplink[];
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>[];

  constructor(identities: readonly UplinkIdentity[]) {
    this.#uplinks = identities.map((identity) =>
      simulatedAgent(identity, {
        ready: () => void this.arrivals.push(systemClock.monotonic()),
        closed: ({ error: { code } }) => {
          if (!this.#stopping.signal.aborted) this.failures.set(code, (this.failures.get(code) ?? 0) + 1);
        },
      })
    );
    this.#running = this.#uplinks.map((uplink) => uplink.run(this.#stopping.signal));
  }

  /** How many are connected. */
  get connected(): number {
    return this.#uplinks.filter(({ ready }) => ready).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#running);
  }
}
