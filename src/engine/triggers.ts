import { sleep } from "../base/clock.ts";
import type { Clock } from "../base/clock.ts";
import type { TriggerKind } from "../protocol/payloads/tracking.ts";
import { nextCronTime } from "./definition/trigger.ts";
import type { Trigger } from "./definition/trigger.ts";

/** How often the wall clock is compared with the time of a cron trigger: it may be set while we wait. */
const CRON_CHECK_MS = 60_000;
/** How often a watched folder is looked at when no event came: network mounts send none. */
const RESCAN_MS = 30_000;
/** How often a watch is tried again that could not be set, because the folder is not there yet. */
const REWATCH_MS = 1_000;

export interface TriggerOptions {
  clock: Clock;
  signal: AbortSignal;
  /** The folder that a `watch` trigger watches. */
  folder: string;
  /** Asks for a run. */
  fire(kind: TriggerKind): void;
}

/** Fires a trigger until the signal aborts. Never rejects. */
export function runTrigger(trigger: Trigger, options: TriggerOptions): Promise<void> {
  switch (trigger.kind) {
    case "manual":
      return Promise.resolve();
    case "every":
      return fireEvery(trigger.everyMs, options);
    case "cron":
      return fireByCron(trigger, options);
    case "watch":
      return fireOnChange(options);
  }
}

/** On the monotonic clock, so that a clock that is set neither skips nor repeats. The first run is at once. */
async function fireEvery(everyMs: number, { clock, signal, fire }: TriggerOptions): Promise<void> {
  let next = clock.monotonic();
  while (!signal.aborted) {
    fire("every");
    // Missed times are not made up for: after a pause the rhythm goes on.
    next = Math.max(next + everyMs, clock.monotonic());
    await sleep(clock, next - clock.monotonic(), signal);
  }
}

async function fireByCron(
  trigger: Trigger & { kind: "cron" },
  { clock, signal, fire }: TriggerOptions,
): Promise<void> {
  let seen = clock.now();
  let next = nextCronTime(trigger, seen);
  while (!signal.aborted) {
    const now = clock.now();
    if (now < seen) next = nextCronTime(trigger, now); // the clock was set back
    seen = now;
    if (next !== undefined && now >= next) {
      fire("cron"); // once, however many times were jumped over
      next = nextCronTime(trigger, now);
    }
    await sleep(clock, Math.min(CRON_CHECK_MS, Math.max(0, (next ?? Infinity) - now)), signal);
  }
}

async function fireOnChange({ clock, signal, folder, fire }: TriggerOptions): Promise<void> {
  const events = (async () => {
    while (!signal.aborted) {
      try {
        using watcher = Deno.watchFs(folder, { recursive: false });
        const close = () => watcher.close();
        signal.addEventListener("abort", close, { once: true });
        fire("watch"); // for what came before the watch stood
        for await (const _event of watcher) {
          if (signal.aborted) return;
          fire("watch");
        }
      } catch {
        // Not there yet, or no watches left: the rescan serves until then.
      }
      await sleep(clock, REWATCH_MS, signal);
    }
  })();
  while (!signal.aborted) {
    fire("watch");
    await sleep(clock, RESCAN_MS, signal);
  }
  await events;
}
