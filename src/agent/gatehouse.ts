import { Backoff } from "../base/backoff.ts";
import { isoTime, sleep } from "../base/clock.ts";
import { watchDatabase } from "../base/database_changes.ts";
import { messageOf } from "../base/errors.ts";
import type { Database } from "../base/sqlite.ts";
import type { Channel } from "../channels/channel.ts";
import { engineChannel } from "../channels/engine.ts";
import { processesChannel } from "../channels/processes.ts";
import { statusChannel } from "../channels/status.ts";
import { trackingChannel } from "../channels/tracking.ts";
import { createDeployments } from "../engine/deployments.ts";
import { DEFAULT_POLICY } from "../gate/policy.ts";
import type { Identity } from "../identity/identity.ts";
import { Ledger } from "../ledger/ledger.ts";
import { START_ID } from "../protocol/attributes.ts";
import { PROTOCOL_VERSION } from "../protocol/version.ts";
import { Spool } from "../spool/spool.ts";
import { webSocketOpener } from "../uplink/socket.ts";
import { Uplink } from "../uplink/uplink.ts";
import { BUILD } from "./build.ts";
import { createCertificates } from "./certificates.ts";
import { connectionRecord } from "./connection_record.ts";
import type { AgentContext } from "./home.ts";
import { DATABASE_PATH, isRunning } from "./home.ts";
import { Pump } from "./pump.ts";
import { renewalRequests } from "./renewal_request.ts";
import { Reporter } from "./reporter.ts";

/** Used until the platform offers another interval. */
const HEARTBEAT_MS = 30_000;
/** The waits between tries to connect. */
export const RECONNECT = { baseMs: 500, capMs: 30_000 };
/** Changes come in bursts, as a run ends or a set of processes is applied: they are told together. */
const TELL_AFTER_MS = 20;
/** How often the gatehouse looks whether the engine still lives. */
const ENGINE_CHECK_MS = 5_000;

export interface GatehouseOptions extends AgentContext {
  db: Database;
  identity: Identity;
  /** Told when the platform has offered processes, so that an engine can be started for them. */
  onProcessesOffered(): void;
}

/**
 * The half with the network: keeps the connection, tells the platform what the channels know, and drains the
 * spool through the pump. Runs until `signal` aborts.
 */
export async function runGatehouse(options: GatehouseOptions, signal: AbortSignal): Promise<void> {
  const { db, identity, clock, log, onProcessesOffered } = options;
  const spool = new Spool(db, clock);
  const ledger = new Ledger(db, clock);
  const deployments = createDeployments(db);
  const record = connectionRecord(db, clock);
  const startedAt = clock.now();
  let engineRuns = true;

  const certificates = await createCertificates({
    identity,
    requests: renewalRequests(db),
    isConnected: () => uplink.ready,
    clock,
    log,
    send: (parts) => pump.sendStatus(() => uplink.ready ? parts : undefined),
    use: (as) => uplink.reconnectAs(as),
    onChange: () => tellSoon(),
  });
  const channels: Channel[] = [
    statusChannel({
      ...attributes(identity, certificates.expires),
      startedAt,
      components: () => reporter.components(),
    }),
    certificates.channel,
    engineChannel(() => engineRuns),
    processesChannel(deployments, () => {
      onProcessesOffered();
      tellSoon();
    }),
    trackingChannel({
      acknowledged: (ack) => pump.acknowledged(ack),
      conflicted: (ack) => pump.conflicted(ack),
    }),
  ];
  const reporter = new Reporter(channels);
  const uplink = new Uplink({
    identity: certificates.first,
    capabilities: reporter.capabilities,
    open: webSocketOpener(clock),
    clock,
    log,
    backoff: new Backoff(RECONNECT),
    heartbeatMs: HEARTBEAT_MS,
    whyRefused: certificates.channel.whyRefused,
    listener: {
      greet: () => pump.sendStatus(() => reporter.everything()),
      ready(certificate) {
        certificates.answered(certificate);
        record("connected", "");
        log.info("connected to the platform", {
          platform: identity.enrolment.platform,
          // From the start of the process: what an operator waits for after a restart.
          sinceStartMs: Math.round(clock.monotonic()),
        });
        pump.drain();
      },
      heartbeat() {
        pump.sendStatus(() => ({}));
        pump.drain();
      },
      message(message) {
        for (const channel of channels) {
          try {
            channel.receive?.(message);
          } catch (error) {
            log.error("a message of the platform is of no use", {
              channel: channel.name,
              reason: messageOf(error),
            });
          }
        }
      },
      farewell: () => pump.sendStatus(() => ({ agentDisconnect: {} })),
      closed(ending, certificate) {
        pump.disconnected();
        if (signal.aborted) return record("stopped", "");
        if (ending.planned) return;
        certificates.ended(certificate, ending);
        record("disconnected", `${ending.error.code}: ${ending.error.message}`);
      },
    },
  });
  const pump = new Pump({ db, spool, ledger, policy: DEFAULT_POLICY, uplink, clock, log });

  let telling = false;
  const tellSoon = () => {
    if (telling) return;
    telling = true;
    clock.after(TELL_AFTER_MS, () => {
      telling = false;
      if (uplink.ready && !signal.aborted) pump.sendStatus(() => reporter.changes());
    });
  };
  certificates.takeRequest();
  const watching = watchDatabase(db, DATABASE_PATH, () => {
    certificates.takeRequest();
    pump.drain();
    tellSoon();
  }, { clock, signal });
  const checking = checkEngine(
    async () => {
      engineRuns = deployments.processes().length === 0 || await isRunning("engine");
      tellSoon();
    },
    options,
    signal,
  );

  log.info("gatehouse started", { platform: identity.enrolment.platform, agent: identity.enrolment.name });
  await uplink.run(signal);
  await Promise.all([watching, checking, certificates.stop()]);
}

/** Looks again and again, until the agent stops. */
async function checkEngine(
  look: () => Promise<void>,
  { clock, log }: AgentContext,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    await sleep(clock, ENGINE_CHECK_MS, signal);
    if (signal.aborted) return;
    await look().catch((error) =>
      log.error("cannot tell whether the engine runs", { reason: messageOf(error) })
    );
  }
}

function attributes({ enrolment }: Identity, certificateExpires: () => number) {
  const startId = crypto.randomUUID();
  return {
    identifying: {
      "service.name": "sallyport",
      "service.version": BUILD.version,
      "service.instance.id": enrolment.instanceUid,
    },
    other: () => ({
      "sallyport.agent.name": enrolment.name,
      [START_ID]: startId,
      "sallyport.protocol": String(PROTOCOL_VERSION),
      "sallyport.certificate.expires": isoTime(certificateExpires()),
      "process.runtime.name": "deno",
      "process.runtime.version": Deno.version.deno,
      "os.type": Deno.build.os,
      "host.arch": Deno.build.arch,
    }),
  };
}
