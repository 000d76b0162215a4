import { join } from "@std/path";
import * as z from "zod/mini";
import "../base/schema_messages.ts";
import type { Clock } from "../base/clock.ts";
import { SallyportError } from "../base/errors.ts";
import { exists, readTextIfThere, setAside, syncFolder, writeAtomic } from "../base/files.ts";
import type { CertificateFacts } from "../trust/certificate.ts";
import { readCertificate } from "../trust/certificate.ts";
import { candidateFolder, loadCandidate } from "./candidate.ts";

/**
 * The agent's identity at rest: the folder `identity/` with `key.pem`, `certificate.pem` and `enrolment.json`,
 * all 0600. It appears by one rename when everything is in it, so there is never half of one. A renewed one
 * stands beside it as `identity.next/` for the moment that its taking the place takes: whichever of the two is
 * there counts, the next one first.
 */

const enrolmentSchema = z.strictObject({
  /** `host:port` of the platform. */
  platform: z.string(),
  /** The platform's CA as PEM, or "public". */
  ca: z.string(),
  /** The platform's pinned key for proofs: SubjectPublicKeyInfo, base64url; null: a plain OpAMP server, which has none. */
  proofKey: z.nullable(z.string()),
  instanceUid: z.uuid(),
  name: z.string(),
  enrolledAt: z.iso.datetime(),
});

export type Enrolment = z.infer<typeof enrolmentSchema>;

/** An identity as it is used. */
export interface Identity {
  enrolment: Enrolment;
  /** PEM. */
  key: string;
  certificate: string;
  certificateFacts: CertificateFacts;
}

const folderOf = (stateFolder: string) => join(stateFolder, "identity");
const nextOf = (stateFolder: string) => join(stateFolder, "identity.next");

/** Whether this home has an identity. */
export async function isEnrolled(stateFolder: string): Promise<boolean> {
  return await exists(nextOf(stateFolder)) || await exists(folderOf(stateFolder));
}

/**
 * Reads the identity of a home.
 *
 * @throws {SallyportError} `identity.missing` when there is none; `state.unreadable` when a part of it is gone or
 * damaged. It is left as it is: a new enrolment is a person's decision.
 */
export async function loadIdentity(stateFolder: string): Promise<Identity> {
  try {
    return await readIdentity(stateFolder);
  } catch {
    // A renewed identity may have taken the place just now, under the hands of a reader in another process.
    return await readIdentity(stateFolder);
  }
}

async function readIdentity(stateFolder: string): Promise<Identity> {
  const folder = await exists(nextOf(stateFolder)) ? nextOf(stateFolder) : folderOf(stateFolder);
  if (!await exists(folder)) {
    throw new SallyportError("identity.missing", "this home is not enrolled: there is no state/identity", {
      remedy: "Get an enrolment bundle from the platform and run: sallyport enroll <bundle>",
    });
  }
  try {
    const read = async (name: string) => {
      const text = await readTextIfThere(join(folder, name));
      if (text === undefined) throw new Error(`${name} is missing`);
      return text;
    };
    const enrolment = enrolmentSchema.parse(JSON.parse(await read("enrolment.json")));
    const certificate = await read("certificate.pem");
    return {
      enrolment,
      key: await read("key.pem"),
      certificate,
      certificateFacts: readCertificate(certificate),
    };
  } catch (cause) {
    throw new SallyportError(
      "state.unreadable",
      `the identity in ${folder} cannot be read: ${String(cause)}`,
      {
        cause,
        remedy: `Restore ${folder} from a backup, or move it away and enrol this home again.`,
      },
    );
  }
}

/** Stores a new identity: all of it or nothing. */
export async function storeIdentity(
  stateFolder: string,
  parts: { enrolment: Enrolment; key: string; certificate: string },
  clock: Clock,
): Promise<void> {
  const staging = join(stateFolder, "identity.new");
  if (await exists(staging)) await setAside(staging, clock);
  await Deno.mkdir(staging, { mode: 0o700 });
  await writeAtomic(join(staging, "key.pem"), parts.key);
  await writeAtomic(join(staging, "certificate.pem"), parts.certificate);
  await writeAtomic(join(staging, "enrolment.json"), JSON.stringify(parts.enrolment, null, 2));
  await Deno.rename(staging, folderOf(stateFolder));
  await syncFolder(stateFolder);
}

/**
 * Makes the candidate the identity. The rename to `identity.next/` is the moment from which it counts; a crash
 * before leaves the old identity with the candidate, one after it the new identity.
 */
export async function promoteCandidate(stateFolder: string, enrolment: Enrolment): Promise<void> {
  const folder = candidateFolder(stateFolder);
  if (await exists(nextOf(stateFolder))) return await settleIdentity(stateFolder); // cut off before
  const candidate = await loadCandidate(stateFolder);
  if (!candidate?.offer) throw new Error(`${folder} holds no certificate to take`);
  await writeAtomic(join(folder, "certificate.pem"), candidate.offer.certificate);
  await writeAtomic(join(folder, "enrolment.json"), JSON.stringify(enrolment, null, 2));
  await Deno.rename(folder, nextOf(stateFolder));
  await syncFolder(stateFolder);
  await settleIdentity(stateFolder);
}

/** Brings a promotion that was cut off to its end. Only for the holder of the gatehouse's lock. */
export async function settleIdentity(stateFolder: string): Promise<void> {
  const [folder, next, old] = [folderOf(stateFolder), nextOf(stateFolder), join(stateFolder, "identity.old")];
  if (await exists(next)) {
    if (await exists(folder)) {
      if (await exists(old)) await Deno.remove(old, { recursive: true });
      await Deno.rename(folder, old);
    }
    await Deno.rename(next, folder);
    await syncFolder(stateFolder);
    for (const name of ["request.pem", "offer.json"]) await Deno.remove(join(folder, name)).catch(() => {});
  }
  if (await exists(old)) await Deno.remove(old, { recursive: true });
}
