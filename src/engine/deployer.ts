import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { command, query, queryOne, transaction } from "../base/sqlite.ts";
import type { Database } from "../base/sqlite.ts";
import { describeProblems } from "../base/yaml/problems.ts";
import type { ConnectorKind } from "./connector.ts";
import { checkDefinition } from "./definition/definition.ts";
import type { Process } from "./definition/definition.ts";
import type { EngineRedaction } from "./redaction.ts";
import type { Scheduler } from "./scheduler.ts";

export interface DeployerOptions {
  db: Database;
  connectors: readonly ConnectorKind[];
  scheduler: Scheduler;
  /** For what the platform is told of a process. */
  redaction: EngineRedaction;
  clock: Clock;
  log: Log;
  /** The folders below `data/` that this engine may use; undefined means all. */
  permittedFolders: readonly string[] | undefined;
  onNeedsFolders: ((folders: string[]) => void) | undefined;
}

interface Wanted {
  name: string;
  body: string;
}

/** The engine's side of the hand-over: stages what is wanted, and swaps it in between runs. */
export class Deployer {
  readonly #options: DeployerOptions;
  readonly #sql;
  #applying: Promise<void> | undefined;
  #again = false;

  constructor(options: DeployerOptions) {
    this.#options = options;
    const { db } = options;
    this.#sql = {
      active: query<Wanted>(db, "SELECT name, body FROM engine_processes WHERE body <> ''"),
      wanted: query<Wanted>(db, "SELECT name, body FROM engine_wanted ORDER BY name"),
      known: query<{ name: string }>(db, "SELECT name FROM engine_processes"),
      offer: queryOne<{ hash: string; state: string }>(db, "SELECT hash, state FROM engine_offer"),
      stage: command(db, "UPDATE engine_wanted SET folders = ? WHERE name = ? AND body = ?"),
      activate: command(
        db,
        "INSERT INTO engine_processes VALUES (?, ?, ?, ?, ?, 'active', '', ?) ON CONFLICT (name) DO UPDATE SET " +
          "version = ?2, definition = ?3, body = ?4, folders = ?5, reason = '', " +
          "since = CASE WHEN definition = ?3 AND state = 'active' THEN since ELSE ?6 END, state = 'active'",
      ),
      reject: command(
        db,
        "INSERT INTO engine_processes VALUES (?, '', '', '', '[]', 'rejected', ?, ?) ON CONFLICT (name) DO UPDATE " +
          "SET state = 'rejected', reason = ?2, since = ?3 WHERE state <> 'rejected' OR reason <> ?2",
      ),
      remove: command(db, "DELETE FROM engine_processes WHERE name = ?"),
      settle: command(
        db,
        "UPDATE engine_offer SET state = ?, message = ? WHERE hash = ? AND state = 'applying'",
      ),
    };
  }

  /** Starts the processes that were active when the engine ended, whatever has been offered since. */
  async resume(): Promise<void> {
    const lacking: Process[] = [];
    for (const { name, body } of this.#sql.active()) {
      const { process, problems } = checkDefinition(body, this.#options.connectors);
      if (!process) {
        this.#reject(name, describeProblems(problems, name));
      } else if (this.#lacking([process]).length > 0) lacking.push(process);
      else await this.#options.scheduler.replace(name, process);
    }
    if (lacking.length > 0) this.#options.onNeedsFolders?.(this.#lacking(lacking));
  }

  /** Resolves when no round is under way. */
  async idle(): Promise<void> {
    await this.#applying?.catch(() => {});
  }

  /** Applies what is offered now; calls made meanwhile lead to one more round. */
  apply(): Promise<void> {
    if (this.#applying) {
      this.#again = true;
      return this.#applying;
    }
    this.#applying = (async () => {
      do {
        this.#again = false;
        await this.#round();
      } while (this.#again);
    })().finally(() => this.#applying = undefined);
    return this.#applying;
  }

  async #round(): Promise<void> {
    const offer = this.#sql.offer();
    if (offer?.state !== "applying") return;
    const { log, scheduler, onNeedsFolders, db } = this.#options;
    const staged: { process: Process; body: string }[] = [];
    const rejected: string[] = [];
    const wanted = this.#sql.wanted();

    // 1. Check each definition by itself; a bad one never replaces a good one.
    for (const { name, body } of wanted) {
      const { process, reason } = this.#check(name, body);
      if (process) {
        staged.push({ process, body });
      } else {
        rejected.push(`${name}: ${reason}`);
        this.#reject(name, reason);
        log.error("a process was rejected; the one before it, if any, goes on", { process: name, reason });
      }
    }

    // 2. Make known which folders they need. Without them this engine cannot go on: the host starts another.
    transaction(db, () => {
      for (const { process, body } of staged) {
        this.#sql.stage(JSON.stringify(process.folders), process.name, body);
      }
    });
    const lacking = this.#lacking(staged.map(({ process }) => process));
    if (lacking.length > 0) {
      log.info("the staged processes need folders beyond those permitted", { folders: lacking.join(", ") });
      onNeedsFolders?.(lacking);
      return;
    }

    // 3. Swap each between its runs, and remove what is no longer wanted.
    const swapped = await Promise.all([
      ...staged.map(({ process, body }) => this.#swap(process, body)),
      ...this.#sql.known().filter(({ name }) => wanted.every((other) => other.name !== name))
        .map(async ({ name }) => {
          await scheduler.replace(name, undefined);
          this.#sql.remove(name);
          log.info("process removed", { process: name });
          return true;
        }),
    ]);
    // Overtaken by a newer offer, or the engine is stopping: what is left is done by the next round.
    if (swapped.includes(false)) return;
    const words = this.#options.redaction.bounded(rejected.join("\n"));
    this.#sql.settle(rejected.length === 0 ? "applied" : "failed", words, offer.hash);
  }

  #reject(name: string, reason: string): void {
    this.#sql.reject(name, this.#options.redaction.bounded(reason), this.#options.clock.now());
  }

  /** Whether the process is in place. */
  async #swap(process: Process, body: string): Promise<boolean> {
    const { scheduler, clock, log } = this.#options;
    const changed = scheduler.active(process.name)?.definition !== process.definition;
    if (changed) await scheduler.replace(process.name, process);
    if (scheduler.active(process.name)?.definition !== process.definition) return false;
    const { name, version, definition, folders } = process;
    this.#sql.activate(name, version, definition, body, JSON.stringify(folders), clock.now());
    if (changed) log.info("process active", { process: name, version, definition });
    return true;
  }

  #check(
    name: string,
    body: string,
  ): { process: Process; reason: "" } | { process?: undefined; reason: string } {
    const { process, problems } = checkDefinition(body, this.#options.connectors);
    if (!process) return { reason: describeProblems(problems, name) };
    if (process.name === name) return { process, reason: "" };
    return { reason: `it was offered as "${name}", but its definition says "process: ${process.name}"` };
  }

  #lacking(processes: readonly Process[]): string[] {
    const { permittedFolders } = this.#options;
    if (permittedFolders === undefined) return [];
    const permitted = (folder: string) =>
      permittedFolders.some((other) => folder === other || folder.startsWith(`${other}/`));
    return [...new Set(processes.flatMap(({ folders }) => folders))].filter((folder) => !permitted(folder));
  }
}
