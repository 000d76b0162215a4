import { join } from "@std/path";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import type { Log } from "../../src/base/log.ts";
import { openDatabase } from "../../src/base/sqlite.ts";
import type { Database } from "../../src/base/sqlite.ts";
import { CONNECTORS } from "../../src/connectors/mod.ts";
import { parseDefinition } from "../../src/engine/definition/definition.ts";
import type { Process } from "../../src/engine/definition/definition.ts";
import { runOnce } from "../../src/engine/run_once.ts";
import type { RunReport } from "../../src/engine/runner.ts";
import { documentsSchema } from "../../src/protocol/payloads/data.ts";
import type { Documents } from "../../src/protocol/payloads/data.ts";
import { trackingRecordSchema } from "../../src/protocol/payloads/tracking.ts";
import type { TrackingRecord } from "../../src/protocol/payloads/tracking.ts";

/** A process as most tests use it: CSV files in `in`, NDJSON in `out`. */
export const ORDERS = `
process: orders
version: "1"
source: { disk: { path: in, glob: "*.csv", format: csv, after: { move: done } } }
steps:
  - map: { fields: { id: id, total: { from: total, as: number } } }
sink: { disk: { path: out, format: ndjson } }
deadLetter: { path: failed }
`;

export function define(text: string): Process {
  return parseDefinition(text, "test.yaml", CONNECTORS);
}

/** An agent's home in a temporary folder, removed with `await using`. */
export class TestHome implements AsyncDisposable {
  readonly path = Deno.makeTempDirSync({ prefix: "sallyport-engine-" });
  readonly dataFolder = join(this.path, "data");
  readonly databasePath = join(this.path, "state", "sallyport.db");
  readonly db: Database;
  readonly records: TrackingRecord[] = [];
  /** What was told of documents. */
  readonly told: Documents[] = [];

  constructor() {
    Deno.mkdirSync(join(this.dataFolder, "in"), { recursive: true });
    Deno.mkdirSync(join(this.path, "state"));
    this.db = openDatabase(this.databasePath);
  }

  /** An outbox that also checks each record against its schema. */
  readonly outbox = {
    put: (channel: "tracking" | "data", record: unknown) => {
      if (!this.db.isTransaction) throw new Error("records are put inside the run's transaction");
      if (channel === "tracking") this.records.push(trackingRecordSchema.parse(record));
      else this.told.push(documentsSchema.parse(record));
    },
  };

  data(path: string): string {
    return join(this.dataFolder, path);
  }

  async write(path: string, text: string | Uint8Array): Promise<void> {
    await Deno.writeFile(this.data(path), typeof text === "string" ? new TextEncoder().encode(text) : text);
  }

  async read(path: string): Promise<string> {
    return await Deno.readTextFile(this.data(path));
  }

  /** The names in a folder, hidden ones too, sorted; empty when it is not there. */
  list(path: string): string[] {
    try {
      return [...Deno.readDirSync(this.data(path))].map(({ name }) => name).sort();
    } catch {
      return [];
    }
  }

  /** The documents of all NDJSON files in a folder. */
  documents(path: string): Record<string, unknown>[] {
    return this.list(path).filter((name) => !name.startsWith("."))
      .flatMap((name) => Deno.readTextFileSync(this.data(`${path}/${name}`)).split("\n"))
      .filter((line) => line !== "").map((line) => JSON.parse(line));
  }

  async run(
    definition: string,
    options: { log?: Log; signal?: AbortSignal; onProgress?: () => unknown } = {},
  ): Promise<RunReport> {
    return await runOnce(define(definition), {
      db: this.db,
      databasePath: this.databasePath,
      dataFolder: this.dataFolder,
      clock: systemClock,
      log: silentLog,
      signal: new AbortController().signal,
      outbox: this.outbox,
      ...options,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.db.close();
    await Deno.remove(this.path, { recursive: true });
  }
}

/** Waits until something is so; fails after a time that only a hang takes. */
export async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 1_500; i++) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`never came true: ${condition}`);
}
