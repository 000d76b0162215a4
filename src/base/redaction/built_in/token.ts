import type { RedactionRule, Span } from "../rule.ts";

/** Shorter ones are words, as in "Bearer tokens are refused", unless there is a digit in them. */
const MIN_LETTERS = 16;
const MIN_LENGTH = 6;

/** Credentials of HTTP, `Bearer ...` (RFC 6750) and `Basic ...` (RFC 7617), and JSON web tokens (RFC 7519) anywhere. */
export const token: RedactionRule = {
  name: "token",
  *find(text) {
    for (const match of text.matchAll(/(bearer|basic)[\s:"']{1,8}([\w.~+/=-]+)/gi)) {
      const [whole, scheme, credentials] = match as unknown as [string, string, string];
      const end = match.index + whole.length;
      if (isSecret(scheme, credentials)) yield { start: end - credentials.length, end };
    }
    for (const { 0: run, index } of text.matchAll(/[\w.-]+/g)) {
      const span = jwtIn(run);
      if (span) yield { start: index + span.start, end: index + span.end };
    }
  },
};

function isSecret(scheme: string, credentials: string): boolean {
  if (credentials.length >= MIN_LETTERS) return true;
  if (scheme.toLowerCase() === "basic") return decoded(credentials).includes(":");
  return credentials.length >= MIN_LENGTH && /\d/.test(credentials);
}

function decoded(base64: string): string {
  try {
    return atob(base64);
  } catch {
    return "";
  }
}

/** `eyJ` is `{"` in base64url: a header, a payload and a signature, which may be empty, with dots between. */
function jwtIn(run: string): Span | undefined {
  let start = 0;
  const parts = run.split(".");
  for (let i = 0; i + 2 < parts.length; start += parts[i]!.length + 1, i++) {
    const at = parts[i]!.indexOf("eyJ");
    if (at >= 0 && parts[i + 1] !== "") return { start: start + at, end: run.length };
  }
  return undefined;
}
