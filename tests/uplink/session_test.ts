import { assertEquals, assertThrows } from "@std/assert";
import type { SessionAction, SessionEvent, SessionState } from "../../src/uplink/session.ts";
import { nextDeadline, openedSession, step } from "../../src/uplink/session.ts";

const HEARTBEAT = 30_000;

/** Runs events from a fresh session; gives the last state and all the actions. */
function play(...events: SessionEvent[]): { state: SessionState; actions: SessionAction["do"][] } {
  let state = openedSession(HEARTBEAT, 0);
  const actions: SessionAction["do"][] = [];
  for (const event of events) {
    const [next, todo] = step(state, event);
    state = next;
    actions.push(...todo.map((action) => action.do));
  }
  return { state, actions };
}

const ready: SessionEvent[] = [{ type: "proved", at: 0 }, { type: "sent", at: 0 }, {
  type: "received",
  at: 10,
}];

Deno.test("nothing may be sent before the platform is proved", () => {
  assertThrows(() => play({ type: "sent", at: 0 }), TypeError, "proving");
  assertEquals(play({ type: "proved", at: 0 }).actions, ["greet"]);
});

Deno.test("the connection counts as ready with the platform's first answer, and only once", () => {
  const { state, actions } = play(...ready, { type: "received", at: 20 });
  assertEquals(state.phase, "ready");
  assertEquals(actions, ["greet", "announce-ready"]);
});

Deno.test("each message has the next sequence number, from 0", () => {
  assertEquals(openedSession(HEARTBEAT, 0).nextSequence, 0n);
  assertEquals(play(...ready, { type: "sent", at: 20 }).state.nextSequence, 2n);
});

Deno.test("a heartbeat is due one interval after the last message, whatever that was", () => {
  const { state } = play(...ready, { type: "sent", at: 20_000 }, { type: "received", at: 20_010 });
  assertEquals(nextDeadline(state), 50_000);
  assertEquals(step(state, { type: "time", at: 49_999 })[1], []);
  assertEquals(step(state, { type: "time", at: 50_000 })[1], [{ do: "send-heartbeat" }]);
});

Deno.test("a heartbeat that could not be sent is due again after an interval, and not at once", () => {
  const { state, actions } = play(...ready, { type: "time", at: 30_000 });
  assertEquals(actions.at(-1), "send-heartbeat");
  assertEquals(nextDeadline(state), 60_000);
});

Deno.test("two intervals without an answer mean a dead connection, counted from the first message unanswered", () => {
  const { state } = play(...ready, { type: "sent", at: 30_000 }, { type: "sent", at: 60_000 });
  assertEquals(nextDeadline(state), 90_000);
  assertEquals(step(state, { type: "time", at: 90_000 })[1][0]?.do, "give-up");
});

Deno.test("a platform that never proves itself is given up too", () => {
  assertEquals(play({ type: "time", at: 2 * HEARTBEAT }).actions, ["give-up"]);
});

Deno.test("another interval counts from the moment it is offered", () => {
  const { state } = play(...ready, { type: "heartbeat-offered", heartbeatMs: 5_000 });
  assertEquals(nextDeadline(state), 5_000);
});

Deno.test("a closed session wants nothing any more", () => {
  const { state } = play(...ready, { type: "closed" });
  assertEquals(nextDeadline(state), undefined);
  assertEquals(step(state, { type: "time", at: 1e9 })[1], []);
});
