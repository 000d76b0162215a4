import type { RedactionRule, Span } from "./rule.ts";

/** Takes secrets out of a text. */
export type Redact = (text: string) => string;

interface Found extends Span {
  marker: string;
}

/** What was taken out may bring together what stood on both sides of it, and so on; never in practice. */
const MAX_PASSES = 8;

/**
 * Makes a function that puts `[redacted: NAME]` in the place of everything that any of the rules finds. Secrets that
 * overlap become one. Redacting again changes nothing.
 */
export function redactor(rules: readonly RedactionRule[]): Redact {
  const markers = new Map(rules.map((rule) => [rule, `[redacted: ${rule.name}]`]));
  const pass = (text: string) => {
    const opaque = occurrences(text, [...markers.values()]);
    const found = rules.flatMap((rule) =>
      [...rule.find(text)].flatMap((span) => outside(span, opaque))
        .map((span) => ({ ...span, marker: markers.get(rule)! }))
    );
    return replaceAll(text, merged(found));
  };
  return (text) => {
    for (let n = 0, before = ""; n < MAX_PASSES && text !== before; n++) [before, text] = [text, pass(text)];
    return text;
  };
}

/** The longest of those that overlap gives its name to all of them. */
function merged(found: Found[]): Found[] {
  const result: (Found & { longest: number })[] = [];
  for (const span of found.sort((a, b) => a.start - b.start)) {
    const last = result.at(-1);
    const length = span.end - span.start;
    if (!last || span.start >= last.end) {
      result.push({ ...span, longest: length });
      continue;
    }
    last.end = Math.max(last.end, span.end);
    if (length > last.longest) [last.longest, last.marker] = [length, span.marker];
  }
  return result;
}

function replaceAll(text: string, found: readonly Found[]): string {
  let result = "";
  let at = 0;
  for (const { start, end, marker } of found) {
    result += text.slice(at, start) + marker;
    at = end;
  }
  return result + text.slice(at);
}

/** Where markers of an earlier redaction stand, in their order. */
function occurrences(text: string, markers: readonly string[]): Span[] {
  const spans: Span[] = [];
  for (const marker of markers) {
    for (let at = text.indexOf(marker); at >= 0; at = text.indexOf(marker, at + marker.length)) {
      spans.push({ start: at, end: at + marker.length });
    }
  }
  return spans.sort((a, b) => a.start - b.start);
}

/** The parts of a span that lie outside the opaque ones. */
function outside({ start, end }: Span, opaque: readonly Span[]): Span[] {
  const parts: Span[] = [];
  let at = start;
  for (const hole of opaque) {
    if (hole.end <= at || hole.start >= end) continue;
    if (hole.start > at) parts.push({ start: at, end: hole.start });
    at = hole.end;
  }
  if (at < end) parts.push({ start: at, end });
  return parts;
}
