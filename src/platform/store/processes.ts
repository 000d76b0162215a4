import type { Database } from "../../base/sqlite.ts";
import { command, query, queryOne, transaction } from "../../base/sqlite.ts";
import { sha256Hex } from "../../base/digest.ts";
import type { Eventually } from "./store.ts";

/** Which agents get a process. */
export type Assignment = "all" | readonly string[];

/** A process in its newest version. */
export interface ProcessRecord {
  name: string;
  version: number;
  /** SHA-256 of the definition's text, hex. */
  digest: string;
  definition: string;
  publishedAt: number;
  publishedBy: string;
  agents: Assignment;
}

export interface ProcessVersion {
  version: number;
  digest: string;
  publishedAt: number;
  publishedBy: string;
}

/** What an agent should run of one process. */
export interface WantedProcess {
  name: string;
  version: number;
  definition: string;
}

export interface Publication {
  name: string;
  definition: string;
  agents: Assignment;
  who: string;
}

export interface ProcessStore {
  /** Publishes; the same text again makes no new version. */
  publish(publication: Publication, now: number): Eventually<{ version: number; created: boolean }>;
  /** Takes a process from its agents and keeps its history; false when there is none. */
  remove(name: string, now: number): Eventually<boolean>;
  get(name: string): Eventually<ProcessRecord | undefined>;
  list(): Eventually<ProcessRecord[]>;
  /** The published versions, newest first. */
  history(name: string): Eventually<ProcessVersion[]>;
  /** What one agent should run, by name. */
  wantedBy(agent: string): Eventually<WantedProcess[]>;
}

interface ProcessRow extends Omit<ProcessRecord, "agents"> {
  forAll: number;
  listed: string;
}

const SELECT_PROCESS = `SELECT name, version, digest, definition, published_at AS publishedAt,
    published_by AS publishedBy, for_all AS forAll,
    (SELECT json_group_array(agent) FROM assignments a WHERE a.process = name) AS listed
  FROM processes JOIN process_versions v USING (version) WHERE v.process = name AND removed_at IS NULL`;

/** The processes' part of the store in SQLite. */
export function sqliteProcesses(db: Database): ProcessStore {
  const newest = queryOne<{ version: number; digest: string }>(
    db,
    "SELECT version, digest FROM process_versions WHERE process = ? ORDER BY version DESC LIMIT 1",
  );
  const upsert = command(
    db,
    `INSERT INTO processes (name, version, for_all) VALUES (?1, ?2, ?3)
     ON CONFLICT (name) DO UPDATE SET version = ?2, for_all = ?3, removed_at = NULL`,
  );
  const addVersion = command(db, "INSERT INTO process_versions VALUES (?, ?, ?, ?, ?, ?)");
  const clear = command(db, "DELETE FROM assignments WHERE process = ?");
  const assign = command(db, "INSERT OR IGNORE INTO assignments VALUES (?, ?)");
  const remove = command(
    db,
    "UPDATE processes SET removed_at = ?2 WHERE name = ?1 AND removed_at IS NULL",
  );
  const one = queryOne<ProcessRow>(db, `${SELECT_PROCESS} AND name = ?`);
  const all = query<ProcessRow>(db, `${SELECT_PROCESS} ORDER BY name`);
  const history = query<ProcessVersion>(
    db,
    `SELECT version, digest, published_at AS publishedAt, published_by AS publishedBy
     FROM process_versions WHERE process = ? ORDER BY version DESC`,
  );
  const wanted = query<WantedProcess>(
    db,
    `SELECT name, version, definition FROM processes JOIN process_versions v USING (version)
     WHERE v.process = name AND removed_at IS NULL
       AND (for_all OR EXISTS (SELECT 1 FROM assignments a WHERE a.process = name AND a.agent = ?))
     ORDER BY name`,
  );

  return {
    publish: ({ name, definition, agents, who }, now) =>
      transaction(db, () => {
        const last = newest(name);
        const digest = sha256Hex(definition);
        const created = last?.digest !== digest;
        const version = created ? (last?.version ?? 0) + 1 : last!.version;
        upsert(name, version, agents === "all" ? 1 : 0);
        if (created) addVersion(name, version, digest, definition, now, who);
        clear(name);
        if (agents !== "all") { for (const agent of agents) assign(name, agent); }
        return { version, created };
      }),
    remove: (name, now) => remove(name, now) > 0,
    get(name) {
      const row = one(name);
      return row && asProcess(row);
    },
    list: () => all().map(asProcess),
    history: (name) => history(name),
    wantedBy: (agent) => wanted(agent),
  };
}

function asProcess({ forAll, listed, ...process }: ProcessRow): ProcessRecord {
  return { ...process, agents: forAll ? "all" : JSON.parse(listed) };
}
