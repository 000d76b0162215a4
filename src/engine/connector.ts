import type { z } from "zod";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { TrackedFile } from "../protocol/payloads/tracking.ts";
import type { Batch, Fail } from "./batch.ts";
import type { JournalEntry } from "./journal.ts";
import type { Marks } from "./marks.ts";

/**
 * What the engine asks of a connector. The engine knows no connector: `connectors/mod.ts` lists them, and
 * whoever starts the engine passes the list in.
 */
export interface ConnectorKind<SourceConfig = unknown, SinkConfig = unknown> {
  /** The key under `source:` and `sink:` in a process. */
  name: string;
  sourceSchema: z.ZodType<SourceConfig>;
  sinkSchema: z.ZodType<SinkConfig>;
  source(config: SourceConfig): Source;
  sink(config: SinkConfig): Sink;
}

/** What a connector gets to work with. */
export interface ConnectorContext {
  /** The folder below which every path of a process lies, such as `data`. */
  dataFolder: string;
  process: string;
  marks: Marks;
  clock: Clock;
  log: Log;
}

export interface Source {
  /** The folders below `data/` that it reads or changes; the first is {@linkcode Source.watched}. */
  readonly folders: readonly string[];
  /** The folder whose changes a `watch` trigger waits for. */
  readonly watched: string;
  /**
   * What waits to be read now, in a steady order.
   *
   * @throws {SallyportError} `source.unreadable` when that cannot be told.
   */
  inputs(context: ConnectorContext): Promise<Input[]>;
}

/** One thing to read from start to end, such as a file. */
export interface Input {
  name: string;
  /** Relative to the agent's home, such as `data/orders/in`. */
  directory: string;
  bytes: number;
  /** Changes whenever the content may have changed. */
  identity: string;
  /**
   * Its documents, in batches; asks for the next only when the one before has been dealt with.
   *
   * @throws {SallyportError} `source.unreadable` or `file.missing` when the input as a whole fails.
   */
  batches(): AsyncIterable<Batch>;
  /**
   * What happens to the input once the run is committed. `keep` asks for it not to be deleted, because the dead
   * letter holds a document only in part: it goes to `deadLetterFolder` instead.
   *
   * @throws {SallyportError} `source.unreadable` when the input changed since it was read.
   */
  settle(keep: boolean, deadLetterFolder: string): Promise<JournalEntry[]>;
}

export interface Sink {
  readonly folders: readonly string[];
  /** Begins the output of one run. */
  open(run: { id: string; startedAt: number }, context: ConnectorContext): SinkRun;
}

/**
 * The output of one run. Nothing of it shows under its final name until the journal entries that
 * {@linkcode SinkRun.prepare} returns are performed.
 */
export interface SinkRun {
  /** Begins the output of one input. */
  begin(input: Input): Promise<void>;
  /**
   * Takes documents as they stand after the steps.
   *
   * @throws {SallyportError} `disk.full` or `sink.unwritable`.
   */
  write(batch: Batch, fail: Fail): Promise<void>;
  /** Ends the output of the input that was begun last. */
  end(): Promise<void>;
  /** Takes back what was written since {@linkcode SinkRun.begin}: the input failed as a whole. */
  takeBack(): Promise<void>;
  /** Makes everything durable and tells how to publish it. */
  prepare(): Promise<{ files: TrackedFile[]; journal: JournalEntry[] }>;
  /** Removes everything; never throws. */
  abandon(): Promise<void>;
}
