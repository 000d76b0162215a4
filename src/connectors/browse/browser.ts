import type { z } from "zod";
import type { Clock } from "../../base/clock.ts";
import type { SchemaPart, SchemaText } from "../../protocol/payloads/schema.ts";
import type { Secrets } from "../connections/secrets.ts";

/**
 * A kind of connection that can be browsed: what it is defined with in `connections.yaml`, and how the schema of what
 * it leads to is told. One file a kind, and one line in `connectors/browsers.ts`.
 */
export interface BrowserKind<Config = unknown> {
  /** The key below the connection's name in `connections.yaml`. */
  name: string;
  configSchema: z.ZodType<Config>;
  /** What it must be allowed to touch, beside its secrets. */
  needs(config: Config): Needs;
  /**
   * Everything that there is, one table (file, operation) after the other, in a steady order and only as far as it is
   * asked for. When the iteration ends early, everything that was opened is closed.
   *
   * @throws {SallyportError} `connection.*` or `schema.unreadable`. Whatever it throws after `signal` aborted is taken
   * for that.
   */
  browse(config: Config, query: BrowseQuery, context: BrowseContext): AsyncIterable<BrowsedThing>;
}

export interface Needs {
  /** `host:port` of each address. */
  hosts: readonly string[];
  /** Files and folders below `data/`, only to be read. */
  paths: readonly string[];
}

/** Which part of everything is wanted. */
export interface BrowseQuery {
  /** Only what comes behind these names in the order of the browser. */
  after: readonly string[] | undefined;
  /** Whether something with these names, from the outside in, is wanted. */
  matches(names: readonly string[]): boolean;
  include: ReadonlySet<SchemaText>;
  signal: AbortSignal;
}

export interface BrowseContext {
  /** The folder below which the paths of connections lie, such as `data`. */
  dataFolder: string;
  secrets: Secrets;
  clock: Clock;
}

/** What a page is never divided within: a table with its columns, a file with its fields. */
export interface BrowsedThing {
  /** Where it stands in the order, from the outside in; it is what a page goes on behind. */
  names: readonly string[];
  parts: SchemaPart[];
}
