import { isoTime } from "../base/clock.ts";
import type { ErrorDetails } from "../base/errors.ts";
import { SallyportError } from "../base/errors.ts";
import type { ShownCertificate } from "./shown_certificate.ts";

const MAX_NAME = 200;

/** What there is to see when a certificate was refused or a proof is missing. */
export interface Scene {
  authority: string;
  ca: string;
  /** What is wrong with the operator's CAs. */
  problems: readonly string[];
  /** What stands directly at the address; undefined when nothing was shown. */
  shown: ShownCertificate | undefined;
}

/** The same error with who answered, as far as it can be known, in words and as facts. */
export function nameAnswerer(error: SallyportError, scene: Scene): SallyportError {
  if (!isAboutAnswerer(error)) return error;
  const { said, remedy, facts } = find(error.code, scene);
  return new SallyportError(error.code, `${error.message}. ${said}`, {
    remedy,
    retryable: error.retryable,
    facts: { ...error.facts, ...facts },
    cause: error.cause,
  });
}

type Code = "platform.not-trusted" | "platform.not-proved";

/** Whether it says that somebody answered who is not the platform. A certificate refused for its time says of nobody. */
export function isAboutAnswerer(error: SallyportError): error is SallyportError & { code: Code } {
  if (error.facts.clockOffsetBoundMs !== undefined) return false;
  return error.code === "platform.not-trusted" || error.code === "platform.not-proved";
}

type Finding = { said: string } & Required<Pick<ErrorDetails, "remedy" | "facts">>;

function find(code: Code, scene: Scene): Finding {
  const { authority, problems, shown } = scene;
  const damage = problems.length === 0 ? "" : ` Of ca.pem, a part is of no use: ${problems.join("; ")}.`;
  const letPass = `ask whoever runs it to let ${authority} pass untouched: it gets nothing from this agent`;
  const proxy = `This shows the certificate that a proxy puts in the place of the platform's: ` +
    `openssl s_client -proxy PROXY:PORT -connect ${authority} </dev/null`;
  if (!shown) {
    return {
      said: `Whose certificate it was cannot be told: directly at ${authority}, none is shown.${damage}`,
      remedy: `If HTTPS_PROXY names a proxy that opens TLS connections, ${letPass}. ${proxy}`,
      facts: {},
    };
  }
  const [subject, issuer] = [short(shown.facts.subject), short(shown.facts.issuer)];
  const facts: Finding["facts"] = { subject, issuer };
  if (scene.ca !== "public") facts.signedByBundle = shown.signer === "bundle";
  const stands =
    `Directly at ${authority} stands a certificate of "${subject}", issued by "${issuer}" and good ` +
    `until ${isoTime(shown.facts.notAfter)}`;
  if (isThePlatforms(code, scene.ca, shown)) {
    return {
      said: `${stands}, as it should be; ${
        code === "platform.not-trusted"
          ? "what was refused came another way: through a proxy that opens TLS connections"
          : "either a proxy that opens TLS connections was in between, or the platform has another key now"
      }.${damage}`,
      remedy: `If HTTPS_PROXY names a proxy, ${letPass}. ${proxy}`,
      facts,
    };
  }
  const intercepts = `If "${issuer}" belongs to a proxy or firewall that opens TLS connections, ${letPass}.`;
  return {
    said: `${stands}; ${signedBy(code, scene.ca, shown)}.${damage}`,
    remedy: code === "platform.not-proved"
      ? `${intercepts} If not, ask the platform's operator whether its key for proofs was changed.`
      : shown.signer
      ? `${intercepts} If not, its name or its time is wrong: check this machine's clock, and ask the platform's operator.`
      : `${intercepts} If it is the CA of your platform, put its certificate into ca.pem in this home: it is ` +
        "read at the next try.",
    facts,
  };
}

/** Whether what stands at the address cannot be what was refused, or what had nothing to prove itself with. */
function isThePlatforms(code: Code, ca: string, { valid, signer }: ShownCertificate): boolean {
  return valid && (code === "platform.not-trusted" || signer === "bundle" || ca === "public");
}

function signedBy(code: Code, ca: string, { signer }: ShownCertificate): string {
  if (signer === "bundle") return "the bundle's CA signed it";
  if (signer === "operator") return "a CA of ca.pem signed it, and not the bundle's";
  const stranger = ca === "public"
    ? "no CA of ca.pem signed it"
    : "neither the bundle's CA nor one of ca.pem signed it";
  return code === "platform.not-proved" ? `${stranger}, but this machine trusts it` : stranger;
}

/** Names come from whoever answers, and may be of any length. */
function short(name: string): string {
  return name.length <= MAX_NAME ? name : `${name.slice(0, MAX_NAME)}...`;
}
