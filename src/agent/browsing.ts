import type { Clock } from "../base/clock.ts";
import { SallyportError } from "../base/errors.ts";
import { exists } from "../base/files.ts";
import type { Needs } from "../connectors/browse/browser.ts";
import type { Connection } from "../connectors/connections/connections.ts";
import type { SchemaRecord, SchemaRequest } from "../protocol/payloads/schema.ts";
import { baked, BUILD } from "./build.ts";
import { CONNECTIONS_FILE, DATA_FOLDER, SECRETS_FOLDER, STATE_FOLDER } from "./home.ts";
import { platformAddress } from "./platform_address.ts";
import { loadSealingKeys } from "./sealing_keys.ts";

/** How long one page of a schema may take, unless less was asked for. */
export const PAGE_TIME_LIMIT_MS = 30_000;

export interface BrowsingOptions {
  clock: Clock;
  signal: AbortSignal;
  timeLimitMs?: number;
}

/**
 * Answers a request for a page of a schema, record by record, as fast as they are taken. Texts are in it as the
 * request asks: the gate decides what of them may leave. Belongs to the half that sees data.
 *
 * @throws {SallyportError} `connection.*`, `schema.*` or `request.invalid`
 */
export async function* browseHome(
  request: SchemaRequest,
  { clock, signal, timeLimitMs = PAGE_TIME_LIMIT_MS }: BrowsingOptions,
): AsyncGenerator<SchemaRecord> {
  // YAML, schemas and drivers are much code, and most agents browse seldom.
  const { findConnection, readConnections } = await import("../connectors/connections/connections.ts");
  const { secretsIn } = await import("../connectors/connections/secrets.ts");
  const { browsePage } = await import("../connectors/browse/page.ts");
  const connection = findConnection(await readConnections(CONNECTIONS_FILE), request.connection);
  await requireHosts(connection);
  yield* browsePage(connection, request, {
    dataFolder: DATA_FOLDER,
    secrets: secretsIn(SECRETS_FOLDER, () => loadSealingKeys(STATE_FOLDER)),
    clock,
    signal,
    timeLimitMs,
  });
}

/** What the engine needs for all connections of this home; the hosts are those that this edition may reach. */
export async function connectionNeeds(): Promise<Needs> {
  if (!await exists(CONNECTIONS_FILE)) return { hosts: [], paths: [] };
  const { readConnections } = await import("../connectors/connections/connections.ts");
  const needs = (await readConnections(CONNECTIONS_FILE)).map((connection) => connection.needs);
  const hosts = [...new Set(needs.flatMap(({ hosts }) => hosts))];
  const reachable = await Promise.all(hosts.map(mayReach));
  return {
    hosts: hosts.filter((_, i) => reachable[i]),
    paths: [...new Set(needs.flatMap(({ paths }) => paths))],
  };
}

/**
 * The addresses that connections may lead to: those that were baked in, or in a run from source those of the connections
 * that its flags allow.
 */
export async function connectHosts(): Promise<readonly string[]> {
  if (baked(BUILD.platform) === undefined) return (await connectionNeeds()).hosts;
  return baked(BUILD.connect)?.split(",") ?? [];
}

/** Whether the permissions of this process let it connect to `host:port`. */
export async function mayReach(host: string): Promise<boolean> {
  return (await Deno.permissions.query({ name: "net", host })).state === "granted";
}

/** Gives up the network permission for addresses, until this process ends. */
export async function giveUp(hosts: readonly string[]): Promise<void> {
  for (const host of hosts) await Deno.permissions.revoke({ name: "net", host });
}

/** Gives up the platform, as the engine does: what looks at data cannot reach it. */
export async function giveUpPlatform(): Promise<void> {
  const platform = await platformAddress();
  if (platform !== undefined) await giveUp([platform]);
}

async function requireHosts({ name, needs }: Connection): Promise<void> {
  for (const host of needs.hosts) {
    if (await mayReach(host)) continue;
    throw new SallyportError(
      "connection.not-permitted",
      `the connection ${name} leads to ${host}, and this edition of Sallyport may not connect to it`,
      {
        remedy:
          `Use an edition that was compiled with --connect ${host}; \`sallyport permissions\` shows what ` +
          "this one may reach. The platform's address is never one of them.",
      },
    );
  }
}
