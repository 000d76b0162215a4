import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { sha256Hex } from "../../src/base/digest.ts";
import { heartbeatSequence } from "../../src/ledger/heartbeats.ts";
import type { StoredEntry } from "../../src/ledger/reader.ts";
import { LedgerReader } from "../../src/ledger/reader.ts";
import { verification } from "../../src/ledger/verify.ts";
import { contentOf } from "../../src/ledger/verify_entries.ts";
import { temporaryDatabase } from "../support/home.ts";
import { AGENT, CA, makeCredential } from "./support.ts";

const CHILD = fromFileUrl(new URL("crash_child.ts", import.meta.url));
const KILLS = 12;
const YEAR_MS = 365 * 86_400_000;

/** The SHA-256 of each frame that an entry says was sent. */
function framesOf(entry: StoredEntry): string[] {
  if (entry.kind === "checkpoint") return [];
  if (entry.kind === "payload") return [entry.sha256];
  const content = contentOf(entry, entry.body!)!;
  const frames: string[] = [];
  for (let at = 0; at < content.length;) {
    let length = 1;
    while (heartbeatSequence(content.subarray(at, at + length)) === undefined) length++;
    frames.push(sha256Hex(content.subarray(at, at + length)));
    at += length;
  }
  return frames;
}

Deno.test("killed at random moments, the ledger is whole and has all that the other side has seen, in its order", async () => {
  using home = temporaryDatabase();
  const credentials = JSON.stringify([await makeCredential(), await makeCredential()]);
  const reader = new LedgerReader(home.db);
  const seen: string[] = [];
  for (let kill = 0; kill < KILLS; kill++) {
    const start = String(Date.UTC(2026, 0, 1) + kill * YEAR_MS);
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-check", "--allow-all", CHILD, home.path, AGENT, start, credentials],
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const reading = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let text = (await reading.read()).value ?? ""; // it has begun to send
    setTimeout(() => child.kill("SIGKILL"), Math.random() * 300);
    for (let part; !(part = await reading.read()).done;) text += part.value;
    assertEquals((await child.status).signal, "SIGKILL");
    seen.push(...text.split("\n").slice(0, -1));

    const { fault, entries } = verification(reader, { certificates: [CA] });
    assertEquals(fault, undefined, `after ${kill + 1} kills, ${entries} entries`);
  }

  const written = [...reader.entries()].flatMap(framesOf);
  let at = 0;
  for (const frame of seen) {
    while (at < written.length && written[at] !== frame) at++;
    assert(at < written.length, `the ledger lacks ${frame}, which was sent`);
    at++;
  }
  // What was written down and then not sent is at most the one under way at each kill.
  assert(written.length - seen.length <= KILLS, `${written.length} written, ${seen.length} seen`);

  // All of it did happen.
  const { checkpoints, receipts, pruned, keys } = verification(reader);
  const folded = [...reader.entries()].filter(({ count }) => (count ?? 0) > 1).length;
  const happened = { checkpoints: checkpoints.count, receipts, pruned, keys: keys.length, folded };
  assert(Object.values(happened).every((count) => count > 1), JSON.stringify(happened));
});
