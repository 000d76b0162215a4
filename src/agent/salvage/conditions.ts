import type { Database } from "../../base/sqlite.ts";
import type { Condition } from "../../protocol/conditions.ts";
import { DATABASE_PATH } from "../home.ts";
import { setAsideDatabases } from "./files.ts";
import type { SetAside } from "./record.ts";
import { describeSetAside, setAsideText } from "./record.ts";

/** What this home keeps of damaged state databases, oldest first. */
export async function setAsideHere(db: Database): Promise<SetAside[]> {
  return describeSetAside(db, await setAsideDatabases(DATABASE_PATH));
}

/** Tells of a damaged database for as long as somebody keeps what was set aside. */
export class DamageConditions {
  readonly #db: Database;
  #kept: SetAside[] = [];

  constructor(db: Database) {
    this.#db = db;
  }

  /** Looks again what is there. */
  async look(): Promise<void> {
    this.#kept = await setAsideHere(this.#db);
  }

  conditions(): Pick<Condition, "code" | "reason" | "since">[] {
    const newest = this.#kept.at(-1);
    if (!newest) return [];
    const more = this.#kept.length > 1 ? ` (and ${this.#kept.length - 1} more before)` : "";
    const since = newest.at === undefined ? {} : { since: newest.at };
    return [{ code: "state.damaged", reason: `${setAsideText(newest)}${more}`, ...since }];
  }
}
