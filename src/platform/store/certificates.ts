import type { Database } from "../../base/sqlite.ts";
import { command, migrate, query, queryOne, transaction } from "../../base/sqlite.ts";
import type { Eventually } from "./store.ts";

/** A certificate that this platform issued to an agent. */
export interface CertificateRecord {
  fingerprint: string;
  agent: string;
  agentName: string;
  notBefore: number;
  notAfter: number;
  /** Its own revocation or, if that was before, that of its agent. */
  revokedAt: number | undefined;
  /** When a newer one of the same agent was used for the first time, which ended this one. */
  retiredAt: number | undefined;
}

/** A certificate that was asked for by an agent that has one already. */
export interface IssuedCertificate {
  agent: string;
  /** SHA-256 of the certificate request, lower-case hex. */
  request: string;
  pem: string;
  fingerprint: string;
  /** SHA-256 of the SubjectPublicKeyInfo, lower-case hex. */
  publicKeyFingerprint: string;
  notBefore: number;
  notAfter: number;
}

/** An operator's request that an agent makes a new key. */
export interface KeyRotation {
  requestedAt: number;
  requestedBy: string;
  /** When a certificate that was issued after the request, for another key, was used for the first time. */
  doneAt: number | undefined;
}

export interface CertificateStore {
  get(fingerprint: string): Eventually<CertificateRecord | undefined>;
  /** What was issued for this very request, while it is good for anything. */
  issuedFor(agent: string, request: string, now: number): Eventually<string | undefined>;
  /** Keeps a renewed certificate; gives the one that counts, which is an older one for the same request. */
  add(certificate: IssuedCertificate, now: number): Eventually<string>;
  /** A certificate was used in a session: at its first use, then true, the older ones of its agent retire. */
  used(fingerprint: string, now: number): Eventually<boolean>;
  /** Asks for a new key in the place of every one so far; false when that is asked for already. */
  requestRotation(agent: string, who: string, now: number): Eventually<boolean>;
  /** The last request for a new key of an agent. */
  rotation(agent: string): Eventually<KeyRotation | undefined>;
  /** The same of all agents of which a new key was ever asked. */
  rotations(): Eventually<Map<string, KeyRotation>>;
}

/** A released step is never edited. */
const MIGRATIONS = [
  `
  ALTER TABLE certificates ADD COLUMN request TEXT;
  ALTER TABLE certificates ADD COLUMN first_used_at INTEGER;
  ALTER TABLE certificates ADD COLUMN retired_at INTEGER;
  `,
  // A request for a new key stands with the certificates that there were: those without are younger than it.
  `
  ALTER TABLE certificates ADD COLUMN rotation_requested_at INTEGER;
  ALTER TABLE certificates ADD COLUMN rotation_requested_by TEXT;
  `,
];

/** Of the rows of one agent SQLite takes the other columns from the one with the maximum. */
const SELECT_ROTATION =
  `SELECT agent, max(rotation_requested_at) AS requestedAt, rotation_requested_by AS requestedBy,
     (SELECT min(first_used_at) FROM certificates new
      WHERE new.agent = asked.agent AND new.rotation_requested_at IS NULL
        AND NOT EXISTS (SELECT 1 FROM certificates old WHERE old.agent = new.agent
          AND old.rotation_requested_at IS NOT NULL AND old.public_key = new.public_key)) AS doneAt
   FROM certificates asked WHERE rotation_requested_at IS NOT NULL`;

/** An agent that asks again and again keeps this many certificates that it never used. */
const MAX_UNUSED = 4;

type Row = Omit<CertificateRecord, "revokedAt" | "retiredAt"> & {
  revokedAt: number | null;
  retiredAt: number | null;
};

type RotationRow = Omit<KeyRotation, "doneAt"> & { agent: string; doneAt: number | null };

/** The certificates' part of the store in SQLite; its table comes with the agents'. */
export function sqliteCertificates(db: Database): CertificateStore {
  migrate(db, "certificates", MIGRATIONS);
  const get = queryOne<Row>(
    db,
    `SELECT fingerprint, agent, name AS agentName, not_before AS notBefore, not_after AS notAfter,
       coalesce(agents.revoked_at, certificates.revoked_at) AS revokedAt, retired_at AS retiredAt
     FROM certificates JOIN agents ON uid = agent WHERE fingerprint = ?`,
  );
  const issued = queryOne<{ pem: string }>(
    db,
    `SELECT pem FROM certificates WHERE agent = ? AND request = ? AND not_after > ?
       AND retired_at IS NULL AND revoked_at IS NULL`,
  );
  const insert = command(
    db,
    `INSERT INTO certificates (fingerprint, agent, pem, not_before, not_after, issued_at, request, public_key)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const prune = command(
    db,
    `DELETE FROM certificates WHERE agent = ?1 AND request IS NOT NULL AND first_used_at IS NULL AND rowid NOT IN
       (SELECT rowid FROM certificates WHERE agent = ?1 AND first_used_at IS NULL ORDER BY rowid DESC LIMIT ?2)`,
  );
  const use = command(
    db,
    "UPDATE certificates SET first_used_at = ?2 WHERE fingerprint = ?1 AND first_used_at IS NULL",
  );
  const retire = command(
    db,
    `UPDATE certificates SET retired_at = ?2 WHERE retired_at IS NULL
       AND agent = (SELECT agent FROM certificates WHERE fingerprint = ?1)
       AND rowid < (SELECT rowid FROM certificates WHERE fingerprint = ?1)`,
  );
  const requestRotation = command(
    db,
    "UPDATE certificates SET rotation_requested_at = ?3, rotation_requested_by = ?2 WHERE agent = ?1",
  );
  const rotation = queryOne<RotationRow>(db, `${SELECT_ROTATION} AND agent = ? GROUP BY agent`);
  const rotations = query<RotationRow>(db, `${SELECT_ROTATION} GROUP BY agent`);
  return {
    get(fingerprint) {
      const row = get(fingerprint);
      return row && { ...row, revokedAt: row.revokedAt ?? undefined, retiredAt: row.retiredAt ?? undefined };
    },
    issuedFor: (agent, request, now) => issued(agent, request, now)?.pem,
    add: ({ agent, request, pem, fingerprint, publicKeyFingerprint, notBefore, notAfter }, now) =>
      transaction(db, () => {
        const before = issued(agent, request, now);
        if (before) return before.pem;
        insert(fingerprint, agent, pem, notBefore, notAfter, now, request, publicKeyFingerprint);
        prune(agent, MAX_UNUSED);
        return pem;
      }),
    used: (fingerprint, now) =>
      transaction(db, () => {
        if (use(fingerprint, now) === 0) return false;
        retire(fingerprint, now);
        return true;
      }),
    requestRotation: (agent, who, now) =>
      transaction(db, () => {
        const before = rotation(agent);
        if (before && before.doneAt === null) return false;
        return requestRotation(agent, who, now) > 0;
      }),
    rotation(agent) {
      const row = rotation(agent);
      return row && asRotation(row);
    },
    rotations: () => new Map(rotations().map((row) => [row.agent, asRotation(row)])),
  };
}

function asRotation({ requestedAt, requestedBy, doneAt }: RotationRow): KeyRotation {
  return { requestedAt, requestedBy, doneAt: doneAt ?? undefined };
}
