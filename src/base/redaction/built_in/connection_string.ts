import type { RedactionRule, Span } from "../rule.ts";

/** URLs with a user in them (RFC 3986, 3.2.1), such as `postgres://user:password@host/db`: the whole of each. */
export const connectionString: RedactionRule = {
  name: "connection string",
  *find(text) {
    for (const { 0: run, index } of text.matchAll(/\S+/g)) {
      const span = urlWithUser(run);
      if (span) yield { start: index + span.start, end: index + span.end };
    }
  },
};

function urlWithUser(run: string): Span | undefined {
  const slashes = run.indexOf("://");
  const at = run.lastIndexOf("@");
  if (slashes < 0 || at < slashes) return undefined;
  const between = run.slice(slashes + 3, at);
  // A user ends before the first slash, but a password that nobody encoded may hold any character.
  if (between.includes("/") && !between.includes(":")) return undefined;
  let start = slashes;
  while (start > 0 && /[a-z0-9+.-]/i.test(run[start - 1]!)) start--;
  const host = /^[^"'<>`]*/.exec(run.slice(at))![0].replace(/[.,:;)\]}]{1,20}$/, "");
  return { start, end: at + host.length };
}
