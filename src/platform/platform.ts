import { getRequestListener } from "@hono/node-server";
import type { Clock } from "../base/clock.ts";
import { DAY_MS } from "../base/clock.ts";
import { sha256Hex } from "../base/digest.ts";
import { randomToken } from "../base/ids.ts";
import type { Log } from "../base/log.ts";
import { fromPem } from "../trust/keys.ts";
import { createApp } from "./api/app.ts";
import { coverageOf } from "./ca/coverage.ts";
import { Freshness } from "./ca/freshness.ts";
import type { CertificateFiles } from "./ca/given_certificate.ts";
import { readGivenCertificate } from "./ca/given_certificate.ts";
import { loadIdentity, publishCa } from "./ca/identity.ts";
import type { Names } from "./ca/names.ts";
import { onlyCovered, platformNames } from "./ca/names.ts";
import { serverCertificate } from "./ca/server_certificate.ts";
import { readTlsCa, requireTrusted } from "./ca/tls_ca.ts";
import { consoleRoutes } from "./console/routes.ts";
import type { Context } from "./context.ts";
import { Events } from "./events.ts";
import { Intake } from "./ingest/intake.ts";
import { RequestDesk } from "./requests/desk.ts";
import { startRetention } from "./retention.ts";
import { checkRuntime } from "./runtime.ts";
import type { Handlers } from "./server.ts";
import { createTlsServer, listen } from "./server.ts";
import { answerUpgrade } from "./sessions/doors.ts";
import { CloneWatch } from "./sessions/clones.ts";
import { Departures } from "./sessions/departures.ts";
import { Fleet } from "./sessions/fleet.ts";
import { Polls } from "./sessions/polls.ts";
import type { RecoveryPolicy } from "./sessions/recovery.ts";
import { Rollout } from "./sessions/rollout.ts";
import { DATABASE_FILE, openSqliteStore } from "./store/sqlite.ts";
import type { Store } from "./store/store.ts";
import { RIGHTS } from "./store/tokens.ts";
import type { WebhookOptions } from "./webhook/webhook.ts";
import { startWebhook } from "./webhook/webhook.ts";

/** How often the operator's certificate is looked at: a new one should be shown soon after it was put there. */
const LOOK_MS = 10_000;

export interface PlatformOptions {
  /** Where everything is kept. */
  dataDir: string;
  /** Port 0: any that is free. */
  listen: { host: string; port: number };
  /** Further names under which agents reach the platform, each `NAME` or `NAME:PORT`. */
  hostnames?: readonly string[];
  tls?: {
    /** The operator's own certificate, in place of one that the platform issues itself. */
    files?: CertificateFiles;
    /** What new agents are told to trust: "public", or a file of CA certificates. Default: the platform's CA. */
    ca?: string;
  };
  clock: Clock;
  log: Log;
  /** Default: 30. */
  heartbeatSeconds?: number;
  /** Life of an agent's certificate. Default: 30. */
  certificateDays?: number;
  /** The same in milliseconds, for lives that are no whole number of days; it counts before the days. */
  certificateLifeMs?: number;
  /** What becomes of agents whose certificate expired. Default: an operator approves, within 30 days. */
  recovery?: { policy?: RecoveryPolicy; graceMs?: number };
  /** Who is told of agents that change their state and of runs that fail. */
  webhook?: WebhookOptions;
}

/** A platform that runs. */
export interface Platform {
  /** `host:port` that new enrolment bundles name. */
  authority: string;
  url: string;
  /** What TLS clients must trust: CA certificates as PEM, or "public". */
  ca: string;
  /** The first API token, only at the very first start; it is stored nowhere. */
  firstToken?: string;
  /** Looks at the operator's certificate now, and says in the log what came of it. */
  reload(): Promise<void>;
  /** Ends all sessions, telling the agents, and stops. */
  close(): Promise<void>;
}

/**
 * Starts the platform: identity, store, TLS server.
 *
 * @throws {SallyportError} `state.unreadable` when something in the data folder is damaged, `usage` when the
 * runtime is too old, the address cannot be had, or the operator's certificate is of no use.
 */
export async function startPlatform(options: PlatformOptions): Promise<Platform> {
  checkRuntime(Deno.version.deno);
  const { dataDir, clock, log } = options;
  await Deno.mkdir(dataDir, { recursive: true, mode: 0o700 });
  const identity = await loadIdentity(dataDir, DATABASE_FILE, clock);
  const ownCa = identity.authority.certificate;
  const tlsCa = options.tls?.ca === undefined ? ownCa : await readTlsCa(options.tls.ca);
  await publishCa(dataDir, tlsCa === "public" ? ownCa : tlsCa);
  const store = openSqliteStore(dataDir);
  try {
    const events = new Events(clock);
    const settings = {
      heartbeatSeconds: options.heartbeatSeconds ?? 30,
      certificateLifeMs: options.certificateLifeMs ?? (options.certificateDays ?? 30) * DAY_MS,
      recovery: { policy: "approve" as const, graceMs: 30 * DAY_MS, ...options.recovery },
    };
    const parts = { clock, log, identity, store, events, settings, tlsCa };
    const departures = await Departures.load(store.departures, { clock, log });
    const fleet = new Fleet(clock, events, departures);
    const clones = new CloneWatch({ clock, log, events, audit: store.tokens });
    const requests = new RequestDesk({ clock, log, events, fleet, store });
    await requests.start();
    const serving = await serve(options, {
      ...parts,
      requests,
      fleet,
      clones,
      rollout: new Rollout(store, events),
      intake: new Intake(clock),
    });
    const stopRetention = startRetention(store.documents, { clock, log });
    const webhook = options.webhook && startWebhook(options.webhook, { clock, log, events });
    const firstToken = await createFirstToken(store, clock);
    const authority = serving.names.authorities[0]!;
    log.info("platform started", { authority, data: dataDir });
    return {
      authority,
      url: `https://${authority}`,
      ca: tlsCa,
      ...(firstToken ? { firstToken } : {}),
      reload: serving.reload,
      async close() {
        requests.stop();
        await serving.stop(() => fleet.end());
        clones.stop();
        webhook?.stop();
        await stopRetention();
        await departures.flush();
        await store.close();
        log.info("platform stopped");
      },
    };
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** The server with its certificate, which is replaced in time while it runs. */
async function serve(
  { dataDir, listen: { host, port: wantedPort }, hostnames = [], tls, clock, log }: PlatformOptions,
  parts: Omit<Context, "names">,
): Promise<{ names: Names; reload(): Promise<void>; stop(farewell: () => Promise<void>): Promise<void> }> {
  const { identity: { authority }, tlsCa } = parts;
  const wanted = platformNames(host, wantedPort, hostnames);
  const load = async () => {
    const certificate = tls?.files
      ? await readGivenCertificate(tls.files, { ...wanted, now: clock.now() })
      : await serverCertificate(dataDir, authority, wanted.hosts, { clock, log });
    requireTrusted(certificate.certificate, tlsCa);
    return certificate;
  };
  const first = await load();
  // The names need the port, which is known only when the server listens, and then visitors may come.
  const ready = Promise.withResolvers<Handlers>();
  const { server, stop } = createTlsServer(first, {
    http: (request, response) => void ready.promise.then((handlers) => handlers.http(request, response)),
    poll: (...visit) => void ready.promise.then((handlers) => handlers.poll(...visit)),
    agent: (...visit) => void ready.promise.then((handlers) => handlers.agent(...visit)),
  });
  const { covers } = coverageOf(fromPem("CERTIFICATE", first.certificate));
  const all = platformNames(host, await listen(server, host, wantedPort), hostnames);
  const names = onlyCovered(all, covers);
  if (names.hosts.length < all.hosts.length) {
    const lost = all.hosts.filter((name) => !covers(name)).join(" ");
    log.info("the server certificate does not cover every name: by these nobody can connect", {
      names: lost,
    });
  }
  const context = { ...parts, names };
  const polls = new Polls(context);
  const answer = getRequestListener(createApp(context, consoleRoutes()).fetch);
  ready.resolve({
    http: (request, response) => void answer(request, response),
    poll: (path, request, response) => void polls.answer(path, request, response),
    agent: (path, request, accept) => answerUpgrade(path, request, accept, context),
  });
  const freshness = new Freshness({
    first,
    load,
    show: ({ certificate, key }) => server.setSecureContext({ cert: certificate, key }),
    everyMs: tls?.files ? LOOK_MS : DAY_MS,
    clock,
    log,
  });
  return {
    names,
    async reload() {
      const result = await freshness.refresh();
      if (result === "unchanged") log.info("the server certificate is the same as before");
    },
    async stop(farewell) {
      freshness.stop();
      await stop(farewell);
    },
  };
}

async function createFirstToken(store: Store, clock: Clock): Promise<string | undefined> {
  if (await store.tokens.count() > 0) return undefined;
  const token = randomToken();
  await store.tokens.create({ hash: sha256Hex(token), name: "first token", rights: RIGHTS }, clock.now());
  return token;
}
