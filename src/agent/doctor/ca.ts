import { DAY_MS, isoTime } from "../../base/clock.ts";
import type { CaFile, OperatorCa } from "../../trust/ca_file.ts";
import { parseCaFile } from "../../trust/ca_file.ts";
import { CA_FILE } from "../home.ts";
import type { Check } from "./check.ts";
import { ok, warn } from "./check.ts";

/** A CA that ends sooner should be replaced by now. */
const SOON_MS = 30 * DAY_MS;
/** A file may hold the roots of a whole distribution. */
const MAX_NAMES = 3;

/**
 * Whom TLS to the platform trusts.
 *
 * @param ca the bundle's CA, PEM, or "public"; undefined before this home is enrolled
 */
export function caCheck(ca: string | undefined, { cas, problems }: CaFile, now: number): Check {
  const name = "ca";
  const ofBundle = ca === undefined || ca === "public" ? [] : parseCaFile(ca, () => true).cas;
  const reason = [
    ...ofBundle.map(({ facts }) =>
      `the bundle's CA "${facts.subject}", good until ${isoTime(facts.notAfter)}`
    ),
    ...cas.length > 0 ? [ofFile(cas)] : [],
    "the public roots that the runtime carries",
  ].join("; ");
  if (problems.length > 0) {
    return warn(
      name,
      `a part of ${CA_FILE} is of no use: ${problems.join("; ")}. Trusted are ${reason}`,
      `Write ${CA_FILE} anew, with certificates in PEM and nothing else; it is read at the next connection.`,
    );
  }
  const ending = [...ofBundle, ...cas].find(({ facts }) => facts.notAfter - now < SOON_MS);
  if (ending) {
    const { subject, notAfter } = ending.facts;
    return warn(
      name,
      `"${subject}" ${notAfter < now ? "expired" : "expires"} at ${isoTime(notAfter)}. Trusted are ${reason}`,
      `Ask the platform's operator which CA comes next, and put its certificate into ${CA_FILE}.`,
    );
  }
  return ok(name, reason);
}

function ofFile(cas: readonly OperatorCa[]): string {
  const names = cas.slice(0, MAX_NAMES).map(({ facts }) => `"${facts.subject}"`).join(", ");
  const more = cas.length > MAX_NAMES ? " and others" : "";
  const earliest = Math.min(...cas.map(({ facts }) => facts.notAfter));
  return `${cas.length} of ${CA_FILE}, all good until ${isoTime(earliest)}: ${names}${more}`;
}
