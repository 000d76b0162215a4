import * as z from "zod/mini";
import "../base/schema_messages.ts";
import { usage } from "../base/command_line/command.ts";
import { STATE_FOLDER } from "../agent/home.ts";
import { isEnrolled, loadIdentity } from "../identity/identity.ts";
import type { Noted } from "../ledger/noted.ts";
import type { Knowledge } from "../ledger/verify.ts";
import { parseCheckpoint } from "../protocol/checkpoint.ts";
import { readCertificate } from "../trust/certificate.ts";
import { allFromPem, toPem } from "../trust/keys.ts";
import type { CommandContext } from "./command.ts";
import { readInputFile } from "./input_file.ts";

/**
 * What the options say that is known beside the ledger.
 *
 * @throws {SallyportError} `usage` when a value or a file is not what it should be.
 */
export async function givenKnowledge(context: CommandContext): Promise<Required<Knowledge>> {
  return { noted: await notedIn(context), certificates: await certificatesIn(context) };
}

/** What this home itself trusts: the certificate that it has, and the CA that it was enrolled with. */
export async function ownCertificates(): Promise<string[]> {
  if (!await isEnrolled(STATE_FOLDER)) return [];
  const { certificate, enrolment } = await loadIdentity(STATE_FOLDER);
  return [certificate, ...enrolment.ca.includes("BEGIN CERTIFICATE") ? [enrolment.ca] : []];
}

async function certificatesIn({ values }: CommandContext): Promise<string[]> {
  const all: string[] = [];
  for (const file of values("certificate")) {
    const found = certificatesOf(file, await readInputFile(file));
    if (found.length === 0) throw usage(`--certificate: there is no PEM certificate in ${file}`);
    all.push(...found.map((der) => toPem("CERTIFICATE", der)));
  }
  return all;
}

function certificatesOf(file: string, text: string): Uint8Array<ArrayBuffer>[] {
  try {
    const found = allFromPem("CERTIFICATE", text);
    for (const der of found) readCertificate(der);
    return found;
  } catch {
    throw usage(`--certificate: a certificate in ${file} cannot be read`);
  }
}

const markSchema = z.object({
  number: z.int().check(z.minimum(1)),
  hash: z.string().check(z.regex(/^[0-9a-f]{64}$/)),
});
const notedSchema = z.union([
  markSchema,
  z.array(markSchema),
  z.object({ checkpoints: z.array(markSchema) }),
]);

async function notedIn({ values }: CommandContext): Promise<Noted[]> {
  const noted: Noted[] = values("head").map((text) => {
    if (/^[0-9a-f]{64}$/.test(text)) return { hash: text };
    return parseCheckpoint(text) ??
      fail(`--head is "${text}", but it must be a SHA-256 in hex, or NUMBER and that`);
  });
  for (const file of values("checkpoint")) {
    const found = notedSchema.safeParse(parseJson(await readInputFile(file)));
    if (!found.success) {
      throw usage(`--checkpoint: ${file} does not hold checkpoints as JSON: number and hash`);
    }
    const { data } = found;
    noted.push(...Array.isArray(data) ? data : "checkpoints" in data ? data.checkpoints : [data]);
  }
  return noted;
}

function fail(words: string): never {
  throw usage(words);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
