import { join } from "@std/path";
import * as z from "zod";
import { readTextIfThere, setAside, writeAtomic } from "../../base/files.ts";
import type { Clock } from "../../base/clock.ts";
import { DAY_MS } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import type { Authority } from "../../trust/certificate_authority.ts";
import { issueServerCertificate } from "../../trust/certificate_authority.ts";
import { readCertificate } from "../../trust/certificate.ts";
import { generateKeyPair, privateKeyFromPem, privateKeyToPem } from "../../trust/keys.ts";
import { BACKDATE_MS } from "./identity.ts";

const LIFE_DAYS = 90;

const fileSchema = z.strictObject({
  version: z.literal(1),
  hosts: z.array(z.string()),
  certificate: z.string(),
  key: z.string(),
});

/** What the TLS server shows. */
export type ServerCertificate = Pick<z.infer<typeof fileSchema>, "certificate" | "key">;

const SERVER_CERTIFICATE_FILE = "server.json";

/**
 * The platform's server certificate for these hosts: the stored one, or a new one when a third of its life or
 * less is left, when the hosts changed, or when the file cannot be read (which sets it aside and says so).
 */
export async function serverCertificate(
  dataDir: string,
  authority: Authority,
  hosts: readonly string[],
  { clock, log }: { clock: Clock; log: Log },
): Promise<ServerCertificate> {
  const path = join(dataDir, SERVER_CERTIFICATE_FILE);
  const stored = await readStored(path, clock, log);
  if (stored && isFit(stored, authority, hosts, clock.now())) return stored;
  const keys = await generateKeyPair();
  const now = clock.now();
  const validity = { notBefore: now - BACKDATE_MS, notAfter: now + LIFE_DAYS * DAY_MS };
  const certificate = await issueServerCertificate(authority, keys.publicKey, hosts, validity);
  const file = {
    version: 1 as const,
    hosts: [...hosts],
    certificate,
    key: await privateKeyToPem(keys.privateKey),
  };
  await writeAtomic(path, JSON.stringify(file, undefined, 2) + "\n");
  log.info("issued a server certificate", { hosts: hosts.join(" "), days: LIFE_DAYS });
  return file;
}

async function readStored(
  path: string,
  clock: Clock,
  log: Log,
): Promise<z.infer<typeof fileSchema> | undefined> {
  const text = await readTextIfThere(path);
  if (text === undefined) return undefined;
  try {
    const file = fileSchema.parse(JSON.parse(text));
    await privateKeyFromPem(file.key);
    readCertificate(file.certificate);
    return file;
  } catch {
    const kept = await setAside(path, clock);
    log.warn("the server certificate could not be read; it was set aside and a new one is issued", { kept });
    return undefined;
  }
}

function isFit(
  stored: z.infer<typeof fileSchema>,
  authority: Authority,
  hosts: readonly string[],
  now: number,
): boolean {
  const { issuer, notBefore, notAfter } = readCertificate(stored.certificate);
  const sameHosts = JSON.stringify([...stored.hosts].sort()) === JSON.stringify([...hosts].sort());
  const sameIssuer = issuer === readCertificate(authority.certificate).subject;
  return sameHosts && sameIssuer && now >= notBefore && notAfter - now > LIFE_DAYS * DAY_MS / 3;
}
