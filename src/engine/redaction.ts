import { MAX_ERROR_CHARS } from "../base/limits.ts";
import { BUILT_IN_RULES, redactBuiltIn } from "../base/redaction/built_in/mod.ts";
import type { OwnRule } from "../base/redaction/own_rules.ts";
import type { Redact } from "../base/redaction/redactor.ts";
import { redactor } from "../base/redaction/redactor.ts";
import { command, queryOne } from "../base/sqlite.ts";
import type { Database } from "../base/sqlite.ts";
import { migrateEngine } from "./tables.ts";

/** A text that is longer is cut before anything else: what would be found behind this never comes into view. */
const MAX_TEXT_CHARS = 64 * 1024;

/** The gatehouse's side of the hand-over: keeps the owner's rules where the engine, which cannot read them, looks. */
export function offerRedaction(db: Database, rules: readonly OwnRule[]): void {
  migrateEngine(db);
  const text = JSON.stringify(rules);
  if ((queryRules(db)() ?? "[]") === text) return;
  command(db, "INSERT OR REPLACE INTO engine_redaction VALUES (1, ?)")(text);
}

/**
 * What every text of the engine goes through before it is written where it can leave from: the built-in rules always,
 * and those of the owner as they stand in the state database.
 */
export class EngineRedaction {
  readonly #rules: () => string | undefined;
  #known = "[]";
  #redact: Redact = redactBuiltIn;

  constructor(db: Database) {
    this.#rules = queryRules(db);
  }

  /** Takes over the owner's rules, if they have changed. */
  async refresh(): Promise<void> {
    const text = this.#rules() ?? "[]";
    if (text === this.#known) return;
    const { compileOwnRule } = await import("../base/redaction/own_rules.ts");
    const rules: OwnRule[] = JSON.parse(text);
    this.#redact = redactor([...BUILT_IN_RULES, ...rules.map(compileOwnRule)]);
    this.#known = text;
  }

  /** A text without secrets, of any length. */
  readonly text = (text: string): string => this.#redact(text.slice(0, MAX_TEXT_CHARS));

  /** The same, as long as a record takes it. Secrets first: one that is cut is not found any more. */
  readonly bounded = (text: string): string => {
    const clean = this.text(text);
    return clean.length <= MAX_ERROR_CHARS ? clean : `${clean.slice(0, MAX_ERROR_CHARS - 4)} ...`;
  };
}

function queryRules(db: Database): () => string | undefined {
  const read = queryOne<{ rules: string }>(db, "SELECT rules FROM engine_redaction");
  return () => read()?.rules;
}
