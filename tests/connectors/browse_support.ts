import { systemClock } from "../../src/base/clock.ts";
import type { Clock } from "../../src/base/clock.ts";
import { browsePage } from "../../src/connectors/browse/page.ts";
import { parseConnections } from "../../src/connectors/connections/connections.ts";
import type { Connection } from "../../src/connectors/connections/connections.ts";
import { secretsIn } from "../../src/connectors/connections/secrets.ts";
import { generateSealingKeys } from "../../src/trust/sealing.ts";
import type { SchemaPart, SchemaRecord, SchemaRequest } from "../../src/protocol/payloads/schema.ts";

/** A home with one connection, to browse. */
export class BrowseHome implements AsyncDisposable {
  readonly path: string;
  /** What sealed secrets are sealed to. */
  readonly keys: Promise<CryptoKeyPair> = generateSealingKeys().then(({ keys }) => keys);

  constructor() {
    this.path = Deno.makeTempDirSync({ prefix: "sallyport-browse-" });
    Deno.mkdirSync(`${this.path}/data`);
    Deno.mkdirSync(`${this.path}/secrets`, { mode: 0o700 });
  }

  /** Writes a file below `data/`. */
  write(path: string, content: string | Uint8Array): void {
    const full = `${this.path}/data/${path}`;
    Deno.mkdirSync(full.slice(0, full.lastIndexOf("/")), { recursive: true });
    Deno.writeFileSync(full, typeof content === "string" ? new TextEncoder().encode(content) : content);
  }

  /** Puts a secret where the operator would, or a CA. */
  secret(name: string, text: string, mode = 0o600): void {
    Deno.writeTextFileSync(`${this.path}/secrets/${name}`, text, { mode });
  }

  /** Starts to browse a connection of this definition. */
  browse(
    definition: Record<string, unknown>,
    request: Partial<SchemaRequest> = {},
    { clock = systemClock, signal = new AbortController().signal, timeLimitMs = 30_000 }: {
      clock?: Clock;
      signal?: AbortSignal;
      timeLimitMs?: number;
    } = {},
  ): AsyncGenerator<SchemaRecord> {
    return browsePage(connectionOf(definition), { connection: "it", ...request }, {
      dataFolder: `${this.path}/data`,
      secrets: secretsIn(`${this.path}/secrets`, () => this.keys),
      clock,
      signal,
      timeLimitMs,
    });
  }

  /** All records of one page. */
  async page(
    definition: Record<string, unknown>,
    request: Partial<SchemaRequest> = {},
  ): Promise<SchemaRecord[]> {
    return await Array.fromAsync(this.browse(definition, { pageSize: 10_000, ...request }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

/** The connection of a definition; JSON is YAML. */
export function connectionOf(definition: Record<string, unknown>): Connection {
  return parseConnections(JSON.stringify({ connections: { it: definition } }), "connections.yaml")[0]!;
}

/** The records of a kind. */
export function ofKind<K extends SchemaRecord["kind"]>(
  records: readonly SchemaRecord[],
  kind: K,
): Extract<SchemaRecord, { kind: K }>[] {
  return records.filter((record) => record.kind === kind) as Extract<SchemaRecord, { kind: K }>[];
}

/** The names of the tables, files and operations, in order. */
export function thingsOf(records: readonly SchemaRecord[]): string[] {
  return records.filter(isThing).map(({ name }) => name);
}

function isThing(record: SchemaRecord): record is Extract<SchemaPart, { name: string }> {
  return ["table", "view", "file", "operation", "type"].includes(record.kind);
}
