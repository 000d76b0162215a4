import { assertEquals } from "@std/assert";
import { conditionsIn } from "../../src/platform/sessions/conditions.ts";
import type { Health } from "../../src/platform/store/agents.ts";
import { CONDITIONS } from "../../src/protocol/conditions.ts";

const part = (healthy: boolean, lastError: string, components: Record<string, Health> = {}): Health => ({
  healthy,
  status: healthy ? "good" : "bad",
  lastError,
  components,
});

Deno.test("the conditions of an agent of ours are told with their code and remedy, errors first", () => {
  const off = { ...part(true, "clock.off: 23 hours"), since: 0 };
  const gone = part(false, "engine.not-running: it is gone");
  const newer = part(false, "engine.from-tomorrow: who knows");
  const health = part(false, "", {
    status: part(true, off.lastError, { "clock.off": off }),
    engine: part(false, gone.lastError, { "engine.not-running": gone, "engine.from-tomorrow": newer }),
    tracking: part(true, ""),
  });
  assertEquals(conditionsIn(health), [
    {
      code: "engine.not-running",
      component: "engine",
      severity: "error",
      reason: "it is gone",
      remedy: CONDITIONS["engine.not-running"].remedy,
    },
    { code: "engine.from-tomorrow", component: "engine", severity: "error", reason: "who knows" },
    {
      code: "clock.off",
      component: "status",
      severity: "warning",
      reason: "23 hours",
      since: "1970-01-01T00:00:00.000Z",
      remedy: CONDITIONS["clock.off"].remedy,
    },
  ]);
});

Deno.test("of another agent the components that are not healthy count, or the agent as a whole", () => {
  const pipeline = part(false, "", { "receiver:otlp": part(false, "port in use") });
  assertEquals(conditionsIn(part(false, "", { "pipeline:logs": pipeline, other: part(true, "noise") })), [
    { component: "pipeline:logs", severity: "error", reason: "bad" },
  ]);
  assertEquals(conditionsIn(part(false, "out of memory")), [{ severity: "error", reason: "out of memory" }]);
  assertEquals([conditionsIn(part(true, "")), conditionsIn(undefined)], [[], []]);
});
