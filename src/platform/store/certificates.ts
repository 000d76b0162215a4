import type { Database } from "../../base/sqlite.ts";
import { command, migrate, queryOne, transaction } from "../../base/sqlite.ts";
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
  notBefore: number;
  notAfter: number;
}

export interface CertificateStore {
  get(fingerprint: string): Eventually<CertificateRecord | undefined>;
  /** What was issued for this very request, while it is good for anything. */
  issuedFor(agent: string, request: string, now: number): Eventually<string | undefined>;
  /** Keeps a renewed certificate; gives the one that counts, which is an older one for the same request. */
  add(certificate: IssuedCertificate, now: number): Eventually<string>;
  /** A certificate was used in a session: at its first use the older ones of its agent retire. */
  used(fingerprint: string, now: number): Eventually<void>;
}

/** A released step is never edited. */
const MIGRATIONS = [
  `
  ALTER TABLE certificates ADD COLUMN request TEXT;
  ALTER TABLE certificates ADD COLUMN first_used_at INTEGER;
  ALTER TABLE certificates ADD COLUMN retired_at INTEGER;
  `,
];

/** An agent that asks again and again keeps this many certificates that it never used. */
const MAX_UNUSED = 4;

type Row = Omit<CertificateRecord, "revokedAt" | "retiredAt"> & {
  revokedAt: number | null;
  retiredAt: number | null;
};

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
    `INSERT INTO certificates (fingerprint, agent, pem, not_before, not_after, issued_at, request)
     VALUES (?, ?, ?, ?, ?, ?, ?)`,
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
  return {
    get(fingerprint) {
      const row = get(fingerprint);
      return row && { ...row, revokedAt: row.revokedAt ?? undefined, retiredAt: row.retiredAt ?? undefined };
    },
    issuedFor: (agent, request, now) => issued(agent, request, now)?.pem,
    add: ({ agent, request, pem, fingerprint, notBefore, notAfter }, now) =>
      transaction(db, () => {
        const before = issued(agent, request, now);
        if (before) return before.pem;
        insert(fingerprint, agent, pem, notBefore, notAfter, now, request);
        prune(agent, MAX_UNUSED);
        return pem;
      }),
    used(fingerprint, now) {
      transaction(db, () => {
        if (use(fingerprint, now) > 0) retire(fingerprint, now);
      });
    },
  };
}
