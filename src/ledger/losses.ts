import type { Database } from "../base/sqlite.ts";
import { command, migrate, queryOne } from "../base/sqlite.ts";
import type { Losses } from "./statement.ts";

/** What a damaged database lost of the ledger, beside it: the next checkpoint states it under the agent's key. */
const SCHEMA = [
  `CREATE TABLE ledger_losses (
     id INTEGER PRIMARY KEY,
     entries_through INTEGER NOT NULL,
     receipts_through INTEGER NOT NULL,
     losses TEXT NOT NULL,
     checkpoint INTEGER
   ) STRICT;`,
];

/** Numbers that may have been given before the database was damaged: none up to them is given again. */
export interface GivenNumbers {
  entries: number;
  receipts: number;
}

/** What is known of losses, from the repair of the ledger to the checkpoint that states them. */
export class LossRecord {
  readonly #db: Database;

  constructor(db: Database) {
    migrate(db, "ledger_losses", SCHEMA);
    this.#db = db;
  }

  /** Notes everything that the ledger lacks now. */
  note(losses: Losses, through: GivenNumbers): void {
    command(this.#db, "INSERT INTO ledger_losses VALUES (NULL, ?, ?, ?, NULL)")(
      through.entries,
      through.receipts,
      JSON.stringify(losses),
    );
  }

  /** Whether anything was ever noted. */
  isEmpty(): boolean {
    return queryOne(this.#db, "SELECT 1 FROM ledger_losses LIMIT 1")() === undefined;
  }

  given(): GivenNumbers {
    return queryOne<GivenNumbers>(
      this.#db,
      `SELECT coalesce(max(entries_through), 0) AS entries, coalesce(max(receipts_through), 0) AS receipts
       FROM ledger_losses`,
    )()!;
  }

  /** What no checkpoint has stated yet; undefined when there is nothing. Later notes hold what earlier ones do. */
  unstated(): Losses | undefined {
    return this.#newest("SELECT losses FROM ledger_losses WHERE checkpoint IS NULL ORDER BY id DESC LIMIT 1");
  }

  /** Everything that was noted last, whether it was stated or not. */
  latest(): Losses | undefined {
    return this.#newest("SELECT losses FROM ledger_losses ORDER BY id DESC LIMIT 1");
  }

  /** Notes which checkpoint has stated all that was noted. */
  stated(checkpoint: number): void {
    command(this.#db, "UPDATE ledger_losses SET checkpoint = ? WHERE checkpoint IS NULL")(checkpoint);
  }

  #newest(sql: string): Losses | undefined {
    const row = queryOne<{ losses: string }>(this.#db, sql)();
    return row && JSON.parse(row.losses) as Losses;
  }
}
