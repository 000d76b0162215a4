import { Backoff } from "../base/backoff.ts";
import { DAY_MS, isoTime, sleep } from "../base/clock.ts";
import { watchDatabase } from "../base/database_changes.ts";
import { messageOf } from "../base/errors.ts";
import { MAX_LEDGER_BODY_BYTES, MAX_LEDGER_BODY_DAYS } from "../base/limits.ts";
import type { Database } from "../base/sqlite.ts";
import type { Channel } from "../channels/channel.ts";
import { dataChannel } from "../channels/data.ts";
import { engineChannel } from "../channels/engine.ts";
import { policyChannel } from "../channels/policy.ts";
import { processesChannel } from "../channels/processes.ts";
import { requestsChannel } from "../channels/requests.ts";
import { statusChannel } from "../channels/status.ts";
import { trackingChannel } from "../channels/tracking.ts";
import { createDeployments } from "../engine/deployments.ts";
import { createRunPause } from "../engine/run_pause.ts";
import { shapeStatus } from "../gate/status.ts";
import type { Identity } from "../identity/identity.ts";
import { LedgerKeeper } from "../ledger/keeper.ts";
import { Ledger } from "../ledger/ledger.ts";
import type { Attributes } from "../protocol/attributes.ts";
import { START_ID } from "../protocol/attributes.ts";
import { checkpointAttributes } from "../protocol/checkpoint.ts";
import { PROTOCOL_VERSION } from "../protocol/version.ts";
import { Spool } from "../spool/spool.ts";
import { transportsOpener } from "../uplink/transports.ts";
import { Uplink } from "../uplink/uplink.ts";
import { createWitness } from "../uplink/witness.ts";
import { BUILD } from "./build.ts";
import { createCertificates } from "./certificates.ts";
import { connectionRecord } from "./connection_record.ts";
import { recordsDrains } from "./drain/records.ts";
import { componentsOf, conditionsOf } from "./health/components.ts";
import { clockConditions, ConnectionConditions } from "./health/connection.ts";
import { Health } from "./health/health.ts";
import { healthRecord } from "./health/record.ts";
import type { AgentContext } from "./home.ts";
import { DATABASE_PATH, isRunning } from "./home.ts";
import { LedgerMark } from "./ledger_mark.ts";
import { operatorCas } from "./operator_cas.ts";
import { PlatformTime } from "./platform_time.ts";
import { policyInForce } from "./policy/in_force.ts";
import { Spending } from "./policy/spending.ts";
import { Pump } from "./pump.ts";
import { renewalRequests } from "./renewal_request.ts";
import { Reporter } from "./reporter.ts";
import type { Reserve } from "./room/reserve.ts";
import { Room } from "./room/room.ts";
import { DamageConditions } from "./salvage/conditions.ts";
import { StateGuard } from "./state_guard.ts";
import { stepBackFrom } from "./step_back.ts";

/** Used until the platform offers another interval. */
const HEARTBEAT_MS = 30_000;
/** The waits between tries to connect. */
export const RECONNECT = { baseMs: 500, capMs: 30_000 };
/** Changes come in bursts, as a run ends or a set of processes is applied: they are told together. */
const TELL_AFTER_MS = 20;
/** How often the gatehouse looks whether the engine still lives, and how much room the disk has. */
const LOOK_MS = 5_000;
/** A greeting that could not be written down is tried again after this time: nothing else can be sent before it. */
const GREET_AGAIN_MS = 1_000;

export interface GatehouseOptions extends AgentContext {
  db: Database;
  reserve: Reserve;
  identity: Identity;
  /** Told when there are processes or requests, so that an engine can be started for them. */
  onWork(): void;
  /** Told when the state database turns out to be damaged. */
  onDamage(reason: string): void;
}

/**
 * The half with the network: keeps the connection, tells the platform what the channels know, and drains the
 * spool through the pump. Runs until `signal` aborts.
 */
export async function runGatehouse(options: GatehouseOptions, signal: AbortSignal): Promise<void> {
  const { db, reserve, identity, clock, log, onWork, onDamage } = options;
  const spool = new Spool(db, clock);
  const mark = new LedgerMark();
  const wentBack = stepBackFrom(await mark.read(), { db, clock, spool });
  const ledger = new Ledger(db, clock);
  const deployments = createDeployments(db);
  const room = new Room({ reserve, pause: createRunPause(db), log });
  const guard = new StateGuard(log, (work) => room.attempt(work), onDamage);
  const { attempt } = guard;
  const damage = new DamageConditions(db);
  const recordConnection = connectionRecord(db, clock);
  let connectionFacts: Parameters<typeof recordConnection> | undefined;
  const noteConnection = () =>
    guard.insist("noting the connection", () => connectionFacts && recordConnection(...connectionFacts));
  const record = (...facts: Parameters<typeof recordConnection>) => {
    connectionFacts = facts;
    noteConnection();
  };
  const recordHealth = healthRecord(db, clock);
  const connection = new ConnectionConditions();
  const time = new PlatformTime(clock);
  const startedAt = clock.now();
  const spending = new Spending(db, clock);
  const policy = await policyInForce(db, { clock, log, attempt }, () => {
    if (uplink.ready) pump.sendStatus(() => reporter.everything());
    pump.drain();
  });
  let engineRuns = true;

  const certificates = await createCertificates({
    identity,
    requests: renewalRequests(db),
    guard,
    isConnected: () => uplink.ready,
    clock,
    time,
    log,
    send: (parts) => pump.sendStatus(() => uplink.ready ? parts : undefined),
    use: (as) => uplink.reconnectAs(as),
    onChange: () => tellSoon(),
    succeeding: (certificate) => attempt(() => keeper.introduce(certificate)),
  });
  const keeper = new LedgerKeeper({
    db,
    clock,
    guard: { run: (task, work) => guard.insist(task, work) },
    limits: { ageMs: MAX_LEDGER_BODY_DAYS * DAY_MS, bytes: MAX_LEDGER_BODY_BYTES },
    signer: certificates.signer,
    onCheckpoint() {
      if (keeper.last) mark.keep(keeper.last);
      tellSoon();
    },
  });
  const channels: Channel[] = [
    statusChannel({
      ...attributes(identity, certificates.expires, () => ({
        ...checkpointAttributes(keeper.last),
        ...policy.attributes(),
      })),
      startedAt,
      components: () => componentsOf(channels, health.shown),
      conditions: () => [
        ...clockConditions(time.offsetMs()),
        ...room.conditions(),
        ...guard.conditions(),
        ...damage.conditions(),
        ...wentBack,
      ],
    }),
    certificates.channel,
    engineChannel(() => engineRuns),
    policyChannel(() => ({ fault: policy.fault, held: pump.held })),
    processesChannel({ ...deployments, offer: (offer) => attempt(() => deployments.offer(offer)) }, () => {
      onWork();
      tellSoon();
    }),
    trackingChannel({
      onAck: (ack) => pump.acknowledged("tracking", ack),
      onCredit: (credit) => pump.granted(credit),
      isUnacknowledged: () => pump.unacknowledged,
      quarantined: () => spool.quarantined(),
    }),
    dataChannel({
      onAck: (ack) => pump.acknowledged("data", ack),
      onCredit: (credit) => pump.granted(credit),
    }),
    requestsChannel({
      onRequest: (...request) => pump.desk.requested(...request),
      onCredit: (...credit) => pump.desk.credited(...credit),
      onCancel: (...cancel) => pump.desk.cancelled(...cancel),
      onSettled: (...settled) => pump.desk.settled(...settled),
      waiting: () => pump.desk.waiting,
    }),
  ];
  const health = new Health({
    clock,
    log,
    find: () => [...conditionsOf(channels), ...connection.at(clock.monotonic())],
    due: () => tellSoon(),
  });
  const look = () => {
    guard.insist("telling the engine of the disk", () => room.tellEngine());
    guard.run("looking at the health", () => health.look());
    noteConnection(); // again, if it could not be done
    guard.insist("noting the health", () => recordHealth(health.shown, time.offsetMs()));
  };
  const moreCas = operatorCas(log);
  const { platform: authority, ca } = identity.enrolment;
  const reporter = new Reporter(
    channels,
    (message) => shapeStatus(message, policy.current, spending.circumstances()),
  );
  let cancelGreeting = () => {};
  const greet = () => {
    look();
    if (pump.sendStatus(() => reporter.everything())) return;
    cancelGreeting();
    cancelGreeting = clock.after(GREET_AGAIN_MS, greet);
  };
  const uplink = new Uplink({
    identity: certificates.first,
    capabilities: reporter.capabilities,
    open: transportsOpener({ clock, log, operatorCas: moreCas }),
    clock,
    log,
    backoff: new Backoff(RECONNECT),
    heartbeatMs: HEARTBEAT_MS,
    whyRefused: certificates.channel.whyRefused,
    witness: createWitness({ authority, ca, operatorCas: moreCas, clock }),
    listener: {
      proved: (clockOffsetMs) => time.learn(clockOffsetMs),
      greet,
      ready(certificate, transport) {
        certificates.answered(certificate);
        connection.ready();
        record("connected", transport === "polling" ? "by HTTP polling: no WebSocket can be had" : "");
        tellSoon();
        log.info("connected to the platform", {
          platform: identity.enrolment.platform,
          transport,
          // From the start of the process: what an operator waits for after a restart.
          sinceStartMs: Math.round(clock.monotonic()),
        });
        pump.connected();
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
        cancelGreeting();
        pump.disconnected();
        if (signal.aborted) return record("stopped", "");
        certificates.ended(certificate, ending);
        connection.ended(ending, clock.monotonic());
        tellSoon();
        if (!ending.planned) record("disconnected", `${ending.error.code}: ${ending.error.message}`);
      },
    },
  });
  const judging = { policy: () => policy.current, circumstances: () => spending.circumstances() };
  const pump = new Pump({
    db,
    spool,
    ledger,
    onApproved: onWork,
    policy: judging.policy,
    spending,
    channels: recordsDrains({ ...judging, log }),
    uplink,
    clock,
    log,
    guard,
  });

  let telling = false;
  const tellSoon = () => {
    if (telling) return;
    telling = true;
    clock.after(TELL_AFTER_MS, () => {
      telling = false;
      if (signal.aborted) return;
      look();
      if (!uplink.ready || policy.isReading) return; // read, it tells everything
      if (!pump.sendStatus(() => reporter.changes())) reporter.forget();
    });
  };
  certificates.takeRequest();
  const watching = watchDatabase(db, DATABASE_PATH, () => {
    certificates.takeRequest();
    pump.drain();
    tellSoon();
  }, { clock, signal });
  const following = policy.watch(signal);
  const looking = lookAgain(
    async () => {
      room.look();
      if (guard.conditions().length > 0) pump.drain(); // what could not be written may be possible now
      engineRuns = deployments.processes().length === 0 || await isRunning("engine");
      await damage.look();
      guard.insist("looking after the spool", () => {
        const expired = spool.expire();
        if (expired > 0) {
          log.warn("what waited for too long was dropped from the spool", { records: expired });
        }
      });
      tellSoon();
    },
    options,
    signal,
  );

  await damage.look();
  keeper.start();
  const keeping = keeper.run(signal);
  look(); // what an earlier start noted is over
  log.info("gatehouse started", { platform: identity.enrolment.platform, agent: identity.enrolment.name });
  await uplink.run(signal);
  health.stop();
  pump.stop();
  await Promise.all([watching, looking, following, keeping, certificates.stop()]);
  keeper.stop();
  await mark.settled();
}

/** Looks again and again, until the agent stops. */
async function lookAgain(
  look: () => Promise<void>,
  { clock, log }: AgentContext,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    await sleep(clock, LOOK_MS, signal);
    if (signal.aborted) return;
    await look().catch((error) =>
      log.error("cannot tell whether the engine runs", { reason: messageOf(error) })
    );
  }
}

function attributes(
  { enrolment }: Identity,
  certificateExpires: () => number,
  moreAttributes: () => Attributes,
) {
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
      ...moreAttributes(),
    }),
  };
}
