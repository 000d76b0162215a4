import type { Database } from "../../base/sqlite.ts";
import { command, query, queryOne, transaction } from "../../base/sqlite.ts";
import type { Attributes } from "../../protocol/attributes.ts";
import type { Eventually } from "./store.ts";

/** The health of an agent or of a part of it, as OpAMP reports it. */
export interface Health {
  healthy: boolean;
  status: string;
  lastError: string;
  /** Since when it has this status, milliseconds since 1970 UTC by the agent's clock, if it says so. */
  since?: number;
  components: Record<string, Health>;
}

export const CONFIG_STATUSES = ["unset", "applied", "applying", "failed"] as const;
export type ConfigStatus = (typeof CONFIG_STATUSES)[number];

/** What an agent says about itself; what a message leaves out stays as it was. */
export interface Report {
  capabilities: bigint;
  attributes: Attributes;
  health: Health;
  /** Text of the definitions that are active, by process name. */
  effective: Record<string, string>;
  /** The hash of the last remote config that it received (hex), and what became of it. */
  config: { hash: string; status: ConfigStatus; error: string };
}

/** An agent as the store knows it. Whether it is online is not stored: only a live session can know. */
export interface AgentRecord extends Omit<Report, "health"> {
  uid: string;
  name: string;
  enrolledAt: number;
  lastSeen: number | undefined;
  revokedAt: number | undefined;
  health: Health | undefined;
  /** The end of its newest certificate. */
  certificateExpires: number | undefined;
}

export interface AgentStore {
  get(uid: string): Eventually<AgentRecord | undefined>;
  list(): Eventually<AgentRecord[]>;
  count(): Eventually<number>;
  /** Keeps what an agent reported. */
  report(uid: string, report: Partial<Report>, now: number): Eventually<void>;
  /** Revokes an agent with all its certificates; false when there is none, or it was revoked before. */
  revoke(uid: string, now: number): Eventually<boolean>;
}

interface AgentRow {
  uid: string;
  name: string;
  enrolled_at: number;
  last_seen: number | null;
  revoked_at: number | null;
  capabilities: string;
  attributes: string;
  health: string | null;
  effective: string;
  config_hash: string;
  config_status: ConfigStatus;
  config_error: string;
  certificate_expires: number | null;
}

const SELECT_AGENT = `SELECT *,
  (SELECT max(not_after) FROM certificates c WHERE c.agent = uid) AS certificate_expires FROM agents`;

/** The agents' part of the store in SQLite. */
export function sqliteAgents(db: Database): AgentStore {
  const one = queryOne<AgentRow>(db, `${SELECT_AGENT} WHERE uid = ?`);
  const all = query<AgentRow>(db, `${SELECT_AGENT} ORDER BY name, uid`);
  const count = queryOne<{ count: number }>(db, "SELECT count(*) AS count FROM agents");
  const report = command(
    db,
    `UPDATE agents SET last_seen = ?2, capabilities = coalesce(?3, capabilities),
       attributes = coalesce(?4, attributes), health = coalesce(?5, health),
       effective = coalesce(?6, effective), config_hash = coalesce(?7, config_hash),
       config_status = coalesce(?8, config_status), config_error = coalesce(?9, config_error)
     WHERE uid = ?1`,
  );
  const revokeAgent = command(db, "UPDATE agents SET revoked_at = ?2 WHERE uid = ?1 AND revoked_at IS NULL");
  const revokeCertificates = command(
    db,
    "UPDATE certificates SET revoked_at = ?2 WHERE agent = ?1 AND revoked_at IS NULL",
  );

  return {
    get(uid) {
      const row = one(uid);
      return row && asAgent(row);
    },
    list: () => all().map(asAgent),
    count: () => count()!.count,
    report(uid, { capabilities, attributes, health, effective, config }, now) {
      report(
        uid,
        now,
        capabilities?.toString() ?? null,
        attributes ? JSON.stringify(attributes) : null,
        health ? JSON.stringify(health) : null,
        effective ? JSON.stringify(effective) : null,
        config?.hash ?? null,
        config?.status ?? null,
        config?.error ?? null,
      );
    },
    revoke: (uid, now) =>
      transaction(db, () => {
        if (revokeAgent(uid, now) === 0) return false;
        revokeCertificates(uid, now);
        return true;
      }),
  };
}

function asAgent(row: AgentRow): AgentRecord {
  return {
    uid: row.uid,
    name: row.name,
    enrolledAt: row.enrolled_at,
    lastSeen: row.last_seen ?? undefined,
    revokedAt: row.revoked_at ?? undefined,
    capabilities: BigInt(row.capabilities),
    attributes: JSON.parse(row.attributes),
    health: row.health === null ? undefined : JSON.parse(row.health),
    effective: JSON.parse(row.effective),
    config: { hash: row.config_hash, status: row.config_status, error: row.config_error },
    certificateExpires: row.certificate_expires ?? undefined,
  };
}
