import { assert, assertEquals } from "@std/assert";
import type { RenewalEvent, RenewalState } from "../../src/identity/renewal.ts";
import { dueTime, step, trying } from "../../src/identity/renewal.ts";

const DAY_MS = 86_400_000;

/** Runs events through the machine; gives the last state and everything that was to be done, as words. */
function play(state: RenewalState, ...events: RenewalEvent[]): [RenewalState, string[]] {
  const done: string[] = [];
  for (const event of events) {
    const [next, actions] = step(state, event);
    state = next;
    for (const action of actions) done.push(Object.values(action).join(" ").trim());
  }
  return [state, done];
}

type Holder = "current" | "candidate";
const lost = (as: Holder): RenewalEvent => ({ type: "ended", as, refused: false, reason: "net" });
const refused = (as: Holder): RenewalEvent => ({ type: "ended", as, refused: true, reason: "no" });
const answered = (as: Holder): RenewalEvent => ({ type: "answered", as, at: 0 });

Deno.test("a renewal: asked when due, tried when offered, promoted when the platform answers", () => {
  const [state, done] = play(
    { phase: "resting", dueAt: 1_000 },
    { type: "time", now: 999, at: 0 },
    answered("current"),
    { type: "time", now: 1_000, at: 0 },
    { type: "offered" },
    answered("candidate"),
    { type: "settled", dueAt: 2_000 },
  );
  assertEquals(done, ["ask", "use candidate", "promote"]);
  assertEquals(state, { phase: "resting", dueAt: 2_000 });
});

Deno.test("without an answer it asks again, less and less often, and at once on a new connection", () => {
  const [first] = play({ phase: "resting", dueAt: 0 }, { type: "time", now: 0, at: 0 });
  const [second, done] = play(
    first,
    { type: "time", now: 0, at: 29_999 },
    { type: "time", now: 0, at: 30_000 },
  );
  assertEquals(done, ["ask"]);
  assertEquals(second, { phase: "asking", asked: 2, againAt: 90_000 });
  assertEquals(play(second, answered("current"))[1], ["ask"]);
});

Deno.test("a wanted key begins a renewal at once, asks again without waiting, and joins one that is being tried", () => {
  const wanted: RenewalEvent = { type: "wanted", now: 100, at: 5, notBefore: 100 };
  const resting: RenewalState = { phase: "resting", dueAt: 9e15 };
  const [asking, done] = play(resting, wanted, wanted);
  assertEquals([asking.phase, done], ["asking", ["ask", "ask"]]);
  assertEquals(play(trying(), wanted), [trying(), []]);

  // So soon after the last one it waits, and does not ask anew meanwhile.
  const early: RenewalEvent = { ...wanted, notBefore: 101 };
  assertEquals(play(resting, early, early), [{ phase: "resting", dueAt: 101 }, []]);
  assertEquals(play({ phase: "resting", dueAt: 99 }, early), [{ phase: "resting", dueAt: 99 }, []]);
  assertEquals(play(asking, early), [asking, []]);
});

Deno.test("a refused candidate gives way at once, and is given up only when the old certificate is answered", () => {
  const [state, done] = play(trying(), refused("candidate"), answered("current"));
  assertEquals([state.phase, done], ["settling", ["use current", "abandon no"]]);
});

Deno.test("a candidate that cannot connect has a few tries; while neither can, they take turns for ever", () => {
  const three = (as: Holder) => [lost(as), lost(as), lost(as)];
  const [state, done] = play(trying(), ...three("candidate"), ...three("current"), ...three("candidate"));
  assertEquals(done, ["use current", "use candidate", "use current"]);
  assertEquals(play(state, answered("current"))[1], ["abandon net"]);
  // The platform had retired the old one: the candidate was used, though its answer was lost.
  assertEquals(play(state, refused("current"), answered("candidate"))[1], ["use candidate", "promote"]);
});

Deno.test("a connection that was on its way with the old certificate decides nothing about the candidate", () => {
  assertEquals(play(trying(), lost("current"), answered("current")), [trying(), ["use candidate"]]);
});

Deno.test("offers that nobody asked for, and a second one, begin nothing", () => {
  const resting: RenewalState = { phase: "resting", dueAt: 9 };
  assertEquals(play(resting, { type: "offered" }), [resting, []]);
  assertEquals(play(trying(), { type: "offered" }), [trying(), []]);
});

Deno.test("a renewal is due at two thirds of the life, with some jitter", () => {
  const life = { notBefore: 0, notAfter: 30 * DAY_MS };
  assertEquals(dueTime(life, () => 0), 20 * DAY_MS);
  assert(dueTime(life, () => 0.999) < 22 * DAY_MS);
});
