import { isoTime } from "../base/clock.ts";
import type { ListedEntry } from "../ledger/reader.ts";

/** Facility 13 (log audit), severity 6 (informational): RFC 5424, 6.2.1. */
const PRIORITY = 13 * 8 + 6;
/** 32473 is the enterprise number that is set aside for examples (RFC 5612): Sallyport has none of its own. */
const SD_ID = "sallyport@32473";

/**
 * An entry of the ledger as a syslog line (RFC 5424, 6), without a line end. The host's name is left out: the agent
 * cannot read it; the agent's own name stands in the structured data.
 */
export function syslogLine(entry: ListedEntry, agent: string | undefined): string {
  const {
    number,
    time,
    until,
    kind,
    class: name,
    count,
    records,
    bytes,
    sha256,
    policy,
    hash,
    acknowledged,
  } = entry;
  const data: Record<string, string | number | null | undefined> = {
    agent,
    number,
    class: name || null,
    count,
    until: until === null ? null : isoTime(until),
    bytes,
    sha256,
    policy: policy || null,
    hash,
    stored: acknowledged === null ? null : isoTime(acknowledged),
  };
  const parameters = Object.entries(data).filter(([, value]) => value !== null && value !== undefined)
    .map(([key, value]) => ` ${key}="${escaped(String(value))}"`).join("");
  const message = kind === "checkpoint" ? records : `sent ${bytes} bytes of class ${name}: ${records}`;
  return `<${PRIORITY}>1 ${isoTime(time)} - sallyport - ${kind} [${SD_ID}${parameters}] ${oneLine(message)}`;
}

/** RFC 5424, 6.3.3. */
function escaped(value: string): string {
  return oneLine(value).replaceAll(/["\\\]]/g, (char) => `\\${char}`);
}

/** What ends a line would end the message. */
function oneLine(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, " ");
}
