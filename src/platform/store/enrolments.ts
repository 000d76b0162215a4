import type { Database } from "../../base/sqlite.ts";
import { command, queryOne, transaction } from "../../base/sqlite.ts";
import type { EnrolmentCertificate } from "../../protocol/enrolment.ts";
import type { Eventually } from "./store.ts";

/** One permission to enrol. The secret itself is never stored. */
export interface EnrolmentRecord {
  id: string;
  /** The name that the agent gets; without it the agent's own wish counts. */
  name: string | undefined;
  createdAt: number;
  expiresAt: number;
  /** What was answered, and to which key (SHA-256 of its SubjectPublicKeyInfo, hex), once it is used. */
  used: { publicKey: string; answer: EnrolmentCertificate } | undefined;
}

/** What a used enrolment brings into being. */
export interface Redemption {
  publicKey: string;
  answer: EnrolmentCertificate;
  certificate: { fingerprint: string; publicKeyFingerprint: string; notBefore: number; notAfter: number };
}

export interface EnrolmentStore {
  create(
    enrolment: { id: string; secretHash: string; name: string | undefined; expiresAt: number },
    now: number,
  ): Eventually<void>;
  bySecretHash(secretHash: string): Eventually<EnrolmentRecord | undefined>;
  /** Uses an enrolment: agent and certificate come into being with it. False when it was used before. */
  redeem(id: string, redemption: Redemption, now: number): Eventually<boolean>;
}

interface EnrolmentRow {
  id: string;
  name: string | null;
  created_at: number;
  expires_at: number;
  public_key: string | null;
  answer: string | null;
}

/** The enrolments' part of the store in SQLite. */
export function sqliteEnrolments(db: Database): EnrolmentStore {
  const insert = command(
    db,
    "INSERT INTO enrolments (id, secret_hash, name, created_at, expires_at) VALUES (?, ?, ?, ?, ?)",
  );
  const byHash = queryOne<EnrolmentRow>(db, "SELECT * FROM enrolments WHERE secret_hash = ?");
  const use = command(
    db,
    "UPDATE enrolments SET used_at = ?2, public_key = ?3, answer = ?4 WHERE id = ?1 AND used_at IS NULL",
  );
  const insertAgent = command(db, "INSERT INTO agents (uid, name, enrolled_at) VALUES (?, ?, ?)");
  const insertCertificate = command(
    db,
    `INSERT INTO certificates (fingerprint, agent, pem, not_before, not_after, issued_at, public_key)
     VALUES (?, ?, ?, ?, ?, ?, ?)`,
  );
  return {
    create({ id, secretHash, name, expiresAt }, now) {
      insert(id, secretHash, name ?? null, now, expiresAt);
    },
    bySecretHash(secretHash) {
      const row = byHash(secretHash);
      return row && asEnrolment(row);
    },
    redeem: (id, { publicKey, answer, certificate }, now) =>
      transaction(db, () => {
        if (use(id, now, publicKey, JSON.stringify(answer)) === 0) return false;
        const { fingerprint, publicKeyFingerprint, notBefore, notAfter } = certificate;
        const { instanceUid, certificate: pem } = answer;
        insertAgent(instanceUid, answer.name, now);
        insertCertificate(fingerprint, instanceUid, pem, notBefore, notAfter, now, publicKeyFingerprint);
        return true;
      }),
  };
}

function asEnrolment(row: EnrolmentRow): EnrolmentRecord {
  return {
    id: row.id,
    name: row.name ?? undefined,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    used: row.answer === null ? undefined : { publicKey: row.public_key!, answer: JSON.parse(row.answer) },
  };
}
