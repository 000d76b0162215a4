import { join } from "@std/path";
import { isDiskFull, messageOf } from "../../base/errors.ts";
import type { Clock } from "../../base/clock.ts";
import { inWords } from "../../base/clock.ts";
import { exists } from "../../base/files.ts";
import { isRunning, RESERVE_PATH, runnerOf, STATE_FOLDER } from "../home.ts";
import { Reserve } from "../room/reserve.ts";
import type { Check } from "./check.ts";
import { fail, ok, skipped, warn } from "./check.ts";
import { withinTime } from "./time.ts";

/** Bits of a file mode that let other users than the owner write. */
const OTHERS_WRITE = 0o022;
/** Bits that let other users do anything at all. */
const OTHERS = 0o077;
/** Enough for a day of records, and written in a moment on any disk. */
const MIB = 1024 * 1024;
const PROBE_BYTES = 4 * MIB;
const PROBE_MS = 20_000;

/** Whether the current folder can be an agent's home, and whether it belongs to whoever runs this. */
export async function checkHome(): Promise<Check> {
  const name = "home";
  const home = Deno.cwd();
  if (home === "/" || /^[A-Z]:\\$/i.test(home)) {
    return fail(name, "this is the root of the file system", "Start the agent in a folder of its own.");
  }
  try {
    const { uid: owner, mode } = await Deno.stat(".");
    const runner = await runnerOf(await exists(STATE_FOLDER) ? STATE_FOLDER : ".");
    if (runner !== owner) {
      return fail(
        name,
        `${home} belongs to user ${owner}, but user ${runner} runs this`,
        "Run the agent and this command as the user who owns the home, so that its files keep one owner.",
      );
    }
    if (((mode ?? 0) & OTHERS_WRITE) !== 0) {
      return warn(
        name,
        `other users may write into ${home} (mode ${octal(mode)}), so they can replace the executable`,
        `chmod go-w ${home}`,
      );
    }
    const state = await exists(STATE_FOLDER) ? (await Deno.stat(STATE_FOLDER)).mode : undefined;
    if (((state ?? 0) & OTHERS) !== 0) {
      return warn(name, `other users may look into state/ (mode ${octal(state)})`, "chmod 700 state");
    }
    return ok(name, `${home} belongs to the user who runs this, and only that user can change it`);
  } catch (error) {
    return fail(
      name,
      `${home} cannot be written: ${messageOf(error)}`,
      "Run this as the user who owns the home, on a file system that is not mounted read-only.",
    );
  }
}

/**
 * Whether there is room. The agent may not ask how much (the permission would open the whole system), so it
 * writes a file and removes it.
 */
export async function checkDisk(clock: Clock): Promise<Check> {
  const name = "disk";
  const what = `${PROBE_BYTES / MIB} MiB into state/`;
  const { bytes, wholeBytes } = new Reserve(RESERVE_PATH);
  const reserve = `${Math.ceil(bytes / MIB)} of ${wholeBytes / MIB} MiB are kept back for when it is full`;
  const path = join(STATE_FOLDER, `.doctor-${crypto.randomUUID()}`);
  const startedAt = clock.monotonic();
  try {
    await withinTime(clock, PROBE_MS, async (signal) => {
      // Not zeros: a file system that compresses would have room for any number of them.
      await Deno.writeFile(path, randomBytes(PROBE_BYTES), { createNew: true, mode: 0o600, signal });
      using file = await Deno.open(path, { write: true });
      await file.sync(); // some file systems look for room only now
    });
    const ms = Math.round(clock.monotonic() - startedAt);
    const reason =
      `wrote and removed ${what} in ${ms} ms; how much more fits, the agent may not ask; ${reserve}`;
    if (bytes === 0 || bytes === wholeBytes) return ok(name, reason); // the agent makes it when it has run a while
    return warn(name, reason, "Free some room on this file system: the agent fills it up again by itself.");
  } catch (error) {
    const full = isDiskFull(error);
    return fail(
      name,
      full ? `there is no room to write ${what}; ${reserve}` : `could not write ${what}: ${messageOf(error)}`,
      full
        ? "Free some room on this file system, or raise the user's quota. Until then no run begins."
        : "Look at the file system under state/: is it mounted, writable, and does it answer?",
    );
  } finally {
    await Deno.remove(path).catch(() => {});
  }
}

function randomBytes(size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  // The source of randomness gives at most 64 KiB a call.
  for (let at = 0; at < size; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  return bytes;
}

/** Whether the two halves of the agent run. */
export async function checkHalves(hasProcesses: boolean, isEnrolled: boolean): Promise<Check[]> {
  const gatehouse = await isRunning("gatehouse");
  const engine = await isRunning("engine");
  return [
    gatehouse
      ? ok("gatehouse", "it runs")
      : isEnrolled
      ? warn("gatehouse", "it does not run, so nothing is sent", "sallyport run, or start its service.")
      : skipped("gatehouse", "it does not run, and cannot before this home is enrolled"),
    engine
      ? ok("engine", "it runs")
      : hasProcesses
      ? warn("engine", "there are processes, but it does not run", "sallyport run, or start its service.")
      : ok("engine", "it does not run, and there are no processes that would need it"),
  ];
}

/** Whether the running agent is connected, as it noted itself. */
export function connectionCheck(
  facts: { state: string; since: number; reason: string } | undefined,
  now: number,
): Check {
  const name = "connection";
  if (!facts || facts.state === "stopped") return skipped(name, "the agent has not tried to connect yet");
  const ago = inWords(now - facts.since);
  if (facts.state === "connected") return ok(name, `connected for ${ago}`);
  return warn(name, `not connected for ${ago}: ${facts.reason}`, "The lines about the network say more.");
}

function octal(mode: number | null | undefined): string {
  return ((mode ?? 0) & 0o777).toString(8).padStart(4, "0");
}
