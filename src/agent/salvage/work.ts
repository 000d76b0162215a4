import { Backoff } from "../../base/backoff.ts";
import type { Clock } from "../../base/clock.ts";
import { sleep } from "../../base/clock.ts";
import { isDatabaseDamage, messageOf } from "../../base/errors.ts";
import type { Database } from "../../base/sqlite.ts";
import type { AgentContext, Half } from "../home.ts";
import { isDamageNoted, noteDamage, openSoundState } from "./open.ts";

/** How often a half looks whether the other has met damage in the state database. */
const DAMAGE_CHECK_MS = 5_000;
/** Between two times that damage is met: a disk that goes on tearing pages must not keep the machine busy. */
const AGAIN = { baseMs: 1_000, capMs: 60_000 };

/** What a half does with an open state database, until `signal` aborts. It is done again when that was damaged. */
export type HalfWork = (
  db: Database,
  signal: AbortSignal,
  /** To be told when the database turns out to be damaged; an error that says so does as well. */
  onDamage: (reason: string) => void,
) => Promise<void>;

/**
 * Opens the state database and does the work of a half with it, until `signal` aborts. When the database turns out to be
 * damaged, the work ends, what can be read is saved, and the work begins anew.
 *
 * @throws {SallyportError} as {@linkcode openSoundState}, and what the work throws
 */
export async function workOnState(
  half: Half,
  context: AgentContext,
  work: HalfWork,
  signal: AbortSignal,
): Promise<void> {
  const backoff = new Backoff(AGAIN);
  for (;;) {
    await untilDamaged(half, context, work, signal);
    if (signal.aborted) return;
    await sleep(context.clock, backoff.next(), signal);
  }
}

async function untilDamaged(
  half: Half,
  { clock, log }: AgentContext,
  work: HalfWork,
  signal: AbortSignal,
): Promise<void> {
  using opened = await openSoundState(half, { clock, log }, signal);
  if (!opened) return;
  const stop = new AbortController();
  let damage: string | undefined;
  const onDamage = (reason: string) => {
    if (damage === undefined) {
      log.error("the state database is damaged; all work ends until it is saved", { reason });
    }
    damage = reason;
    stop.abort();
  };
  const looking = lookForDamage(onDamage, clock, stop.signal);
  try {
    await work(opened.db, AbortSignal.any([signal, stop.signal]), onDamage);
  } catch (error) {
    if (!isDatabaseDamage(error)) throw error;
    onDamage(messageOf(error));
  } finally {
    stop.abort();
    await looking;
  }
  if (damage !== undefined) await noteDamage(damage);
}

/** The other half may be the first to meet it. */
async function lookForDamage(onDamage: (reason: string) => void, clock: Clock, signal: AbortSignal) {
  while (!signal.aborted) {
    await sleep(clock, DAMAGE_CHECK_MS, signal);
    if (!signal.aborted && await isDamageNoted()) onDamage("the other half of the agent says so");
  }
}
