import { getRequestListener } from "@hono/node-server";
import type { Clock } from "../base/clock.ts";
import { sha256Hex } from "../base/digest.ts";
import { randomToken } from "../base/ids.ts";
import type { Log } from "../base/log.ts";
import { createApp } from "./api/app.ts";
import { loadIdentity, publishCertificate } from "./ca/identity.ts";
import type { Names } from "./ca/names.ts";
import { platformNames } from "./ca/names.ts";
import { serverCertificate } from "./ca/server_certificate.ts";
import { consoleRoutes } from "./console/routes.ts";
import type { Context } from "./context.ts";
import { Events } from "./events.ts";
import { checkRuntime } from "./runtime.ts";
import type { Handlers } from "./server.ts";
import { createTlsServer, listen } from "./server.ts";
import { answerUpgrade } from "./sessions/doors.ts";
import { CloneWatch } from "./sessions/clones.ts";
import { Departures } from "./sessions/departures.ts";
import { Fleet } from "./sessions/fleet.ts";
import type { RecoveryPolicy } from "./sessions/recovery.ts";
import { Rollout } from "./sessions/rollout.ts";
import { DATABASE_FILE, openSqliteStore } from "./store/sqlite.ts";
import type { Store } from "./store/store.ts";
import type { WebhookOptions } from "./webhook/webhook.ts";
import { startWebhook } from "./webhook/webhook.ts";

const DAY_MS = 24 * 3_600_000;

export interface PlatformOptions {
  /** Where everything is kept. */
  dataDir: string;
  /** Port 0: any that is free. */
  listen: { host: string; port: number };
  /** Further names under which agents reach the platform, each `NAME` or `NAME:PORT`. */
  hostnames?: readonly string[];
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
  /** The CA certificate, PEM. */
  ca: string;
  /** The first API token, only at the very first start; it is stored nowhere. */
  firstToken?: string;
  /** Ends all sessions, telling the agents, and stops. */
  close(): Promise<void>;
}

/**
 * Starts the platform: identity, store, TLS server.
 *
 * @throws {SallyportError} `state.unreadable` when something in the data folder is damaged, `usage` when the
 * runtime is too old or the address cannot be had.
 */
export async function startPlatform(options: PlatformOptions): Promise<Platform> {
  checkRuntime(Deno.version.deno);
  const { dataDir, clock, log } = options;
  await Deno.mkdir(dataDir, { recursive: true, mode: 0o700 });
  const identity = await loadIdentity(dataDir, DATABASE_FILE, clock);
  await publishCertificate(dataDir, identity);
  const store = openSqliteStore(dataDir);
  try {
    const events = new Events(clock);
    const settings = {
      heartbeatSeconds: options.heartbeatSeconds ?? 30,
      certificateLifeMs: options.certificateLifeMs ?? (options.certificateDays ?? 30) * DAY_MS,
      recovery: { policy: "approve" as const, graceMs: 30 * DAY_MS, ...options.recovery },
    };
    const parts = { clock, log, identity, store, events, settings };
    const departures = await Departures.load(store.departures, { clock, log });
    const fleet = new Fleet(clock, events, departures);
    const clones = new CloneWatch({ clock, log, events, audit: store.tokens });
    const serving = await serve(options, {
      ...parts,
      fleet,
      clones,
      rollout: new Rollout(store, events),
    });
    const webhook = options.webhook && startWebhook(options.webhook, { clock, log, events });
    const firstToken = await createFirstToken(store, clock);
    const authority = serving.names.authorities[0]!;
    log.info("platform started", { authority, data: dataDir });
    return {
      authority,
      url: `https://${authority}`,
      ca: identity.authority.certificate,
      ...(firstToken ? { firstToken } : {}),
      async close() {
        await serving.stop(() => fleet.end());
        clones.stop();
        webhook?.stop();
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

/** The server with its certificate, which is issued anew in time while it runs. */
async function serve(
  { dataDir, listen: { host, port: wantedPort }, hostnames = [], clock, log }: PlatformOptions,
  parts: Omit<Context, "names">,
): Promise<{ names: Names; stop(farewell: () => Promise<void>): Promise<void> }> {
  const authority = parts.identity.authority;
  const { hosts } = platformNames(host, wantedPort, hostnames);
  const certify = () => serverCertificate(dataDir, authority, hosts, { clock, log });
  // The names need the port, which is known only when the server listens, and then visitors may come.
  const ready = Promise.withResolvers<Handlers>();
  const { server, stop } = createTlsServer(await certify(), {
    http: (request, response) => void ready.promise.then((handlers) => handlers.http(request, response)),
    agent: (...visit) => void ready.promise.then((handlers) => handlers.agent(...visit)),
  });
  const names = platformNames(host, await listen(server, host, wantedPort), hostnames);
  const context = { ...parts, names };
  const answer = getRequestListener(createApp(context, consoleRoutes()).fetch);
  ready.resolve({
    http: (request, response) => void answer(request, response),
    agent: (path, request, accept) => answerUpgrade(path, request, accept, context),
  });
  const cancelRenewal = daily(clock, async () => {
    const { certificate, key } = await certify();
    server.setSecureContext({ cert: certificate, key });
  }, log);
  return {
    names,
    async stop(farewell) {
      cancelRenewal();
      await stop(farewell);
    },
  };
}

function daily(clock: Clock, task: () => Promise<void>, log: Log): () => void {
  let cancel: () => void;
  const arm = () => {
    cancel = clock.after(DAY_MS, () => {
      task().catch((error) =>
        log.error("the server certificate could not be renewed", { reason: String(error) })
      );
      arm();
    });
  };
  arm();
  return () => cancel();
}

async function createFirstToken(store: Store, clock: Clock): Promise<string | undefined> {
  if (await store.tokens.count() > 0) return undefined;
  const token = randomToken();
  await store.tokens.create({ hash: sha256Hex(token), name: "first token" }, clock.now());
  return token;
}
