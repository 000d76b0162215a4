import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { systemClock } from "../../../src/base/clock.ts";
import { SallyportError } from "../../../src/base/errors.ts";
import { createLogLevels } from "../../../src/engine/logs/levels.ts";
import { offerRedaction } from "../../../src/engine/redaction.ts";
import { TestClock } from "../../support/clock.ts";
import { ORDERS } from "../support.ts";
import { LogHome, ofKind, texts } from "./support.ts";

const UNKNOWN = "01890a5d-ac96-774b-bcce-b302099a8057";

Deno.test("log: a summary, a row for each step that adds up, and the messages", async () => {
  await using home = new LogHome();
  await home.write("in/a.csv", "id,total\n1,2.5\n2,x\n3\n4,0\n");
  await home.write("in/b.csv", "id,total\n5,1\n");
  const definition = ORDERS.replace(
    "steps:",
    "steps:\n  - filter: { field: id, notEquals: 4 }\n  - log: seen",
  );
  const { head: { runId }, documents } = await home.run(definition);
  const records = await home.log({ runId });

  const [summary] = ofKind(records, "summary");
  assertEquals([summary!.outcome, summary!.documents], ["partial", documents]);
  assertEquals(summary!.levels, { debug: 0, info: 3, warning: 2, error: 0 });
  assertEquals(ofKind(records, "step").map(({ step, in: read, out, failed }) => [step, read, out, failed]), [
    ["source", 5, 4, 1],
    ["steps[0].filter", 4, 3, 0],
    ["steps[1].log", 3, 3, 0],
    ["steps[2].map", 3, 2, 1],
    ["sink", 2, 2, 0],
  ]);
  for (const { startedAt, spanMs, busyMs } of ofKind(records, "step")) {
    assert(startedAt! >= summary!.startedAt && startedAt! <= summary!.endedAt!);
    assert(busyMs <= spanMs + 1 && spanMs <= summary!.totalMs + 1);
  }
  assertEquals(texts(records), [
    "run started",
    "an input was read, and documents of it failed",
    "an input was read",
    "seen",
    "run ended",
  ]);
  assertEquals(ofKind(records, "gap"), []);
});

Deno.test("log: filtered by level, by step and by time", async () => {
  await using home = new LogHome();
  await home.write("in/a.csv", "id,total\n1,2.5\n2,x\n");
  const { head: { runId } } = await home.run(ORDERS.replace("steps:", "steps:\n  - log: seen"));
  const all = await home.log({ runId });
  const only = async (query: object) => texts(await home.log({ runId, ...query }));
  assertEquals((await only({ level: "warning" })).length, 2);
  assertEquals(await only({ level: "error" }), []);
  for (const step of ["steps[0].log", "steps[0]", "log"]) assertEquals(await only({ step }), ["seen"], step);
  assertEquals(await only({ step: "lo" }), []);
  const { time } = ofKind(all, "message").at(-1)!;
  assertEquals((await only({ since: time })).at(-1), "run ended");
  assertEquals(await only({ until: "2020-01-01T00:00:00Z" }), []);
  assertEquals(await only({ since: "2020-01-01T00:00:00Z" }), texts(all));
});

Deno.test("log: a run that does not exist, and one whose log was removed, are told apart", async () => {
  await using home = new LogHome();
  const { head: { runId } } = await home.run(ORDERS);
  const unknown = await assertRejects(() => home.log({ runId: UNKNOWN }), SallyportError);
  assertEquals(unknown.code, "run.unknown");
  await Deno.remove(home.logs, { recursive: true });
  const purged = await assertRejects(() => home.log({ runId }), SallyportError);
  assertEquals(purged.code, "run.purged");
  assertEquals((await assertRejects(() => home.errors(UNKNOWN), SallyportError)).code, "run.unknown");
});

Deno.test("log: what is not a log is set aside, reported, and never taken for an empty one", async () => {
  for (
    const spoil of [
      (path: string) => Deno.writeTextFileSync(path, "not a log\n{}\n"),
      (path: string) => Deno.writeFileSync(path, crypto.getRandomValues(new Uint8Array(8192))),
      (path: string) => {
        Deno.removeSync(path);
        Deno.mkdirSync(path);
      },
    ]
  ) {
    await using home = new LogHome();
    const { head: { runId } } = await home.run(ORDERS);
    spoil(`${home.logs}/${runId}.ndjson`);
    const error = await assertRejects(() => home.log({ runId }), SallyportError);
    assertEquals(error.code, "state.unreadable");
    assertStringIncludes(error.remedy!, ".unreadable-");
    const [name] = [...Deno.readDirSync(home.logs)].map(({ name }) => name);
    assertStringIncludes(name!, `${runId}.ndjson.unreadable-`);
    assertEquals((await assertRejects(() => home.log({ runId }), SallyportError)).code, "run.purged");
  }
});

Deno.test("log: damaged lines are gaps, the lines around them are read", async () => {
  await using home = new LogHome();
  const { head: { runId } } = await home.run(ORDERS);
  const path = `${home.logs}/${runId}.ndjson`;
  const lines = (await Deno.readTextFile(path)).split("\n");
  const whole = texts(await home.log({ runId }));
  const damaged = ["\0\0\0}", '{"kind":"message"}', "x".repeat(200_000) + "}"];
  await Deno.writeTextFile(path, [...lines.slice(0, 3), ...damaged, ...lines.slice(3)].join("\n"));
  const records = await home.log({ runId });
  assertEquals(texts(records), whole);
  const bytes = damaged.join("\n").length + 1;
  assertEquals(ofKind(records, "gap"), [{ kind: "gap", reason: "damaged", records: 3, bytes }]);
});

Deno.test("log: a process logs at another level for a while, and then not any more", async () => {
  await using home = new LogHome();
  const levels = createLogLevels(home.db, systemClock);
  levels.set("orders", "debug", 60_000, "ada");
  await home.write("in/a.csv", "id,total\n1,1\n");
  const detailed = await home.run(ORDERS);
  assert(texts(await home.log({ runId: detailed.head.runId })).includes("a batch went through"));
  levels.set("orders", "error", 60_000, "ada");
  assertEquals(texts(await home.log({ runId: (await home.run(ORDERS)).head.runId })), []);

  const clock = new TestClock();
  const later = createLogLevels(home.db, clock);
  const { until } = later.set("orders", "debug", 365 * 24 * 3_600_000, "ada");
  assertEquals(until - clock.now(), 7 * 24 * 3_600_000);
  assertEquals(later.set("other", "warning", 1_000, "bob").by, "bob");
  assertEquals([later.of("orders"), later.of("other"), later.of("third")], ["debug", "warning", "info"]);
  clock.jump(1_000);
  assertEquals([later.of("other"), later.all().map(({ process }) => process)], ["info", ["orders"]]);
  later.reset("orders");
  assertEquals([later.of("orders"), later.all()], ["info", []]);
});

Deno.test("log: secrets and the owner's words are gone before they reach the disk", async () => {
  await using home = new LogHome();
  const run = home.begin();
  offerRedaction(home.db, [{ name: "customer", pattern: "C-\\d+" }]);
  await run.redaction.refresh();
  run.runLog.log.info("card 4111111111111111", { reason: "customer C-17", long: "x".repeat(3_000) });
  run.finish();
  const [text] = home.logTexts();
  assert(!text!.includes("4111") && !text!.includes("C-17"), text);
  const [{ message, facts }] = ofKind(await home.log({ runId: run.runId }), "message") as [never];
  assertEquals([message, (facts as { reason: string }).reason], [
    "card [redacted: card number]",
    "customer [redacted: customer]",
  ]);
});

Deno.test("log: no word of a document is in logs or errors, at whatever level", async () => {
  const marker = fc.tuple(
    fc.constantFrom("", '"', ",", "\n", "{", "é"),
    fc.nat(),
    fc.constantFrom("", "}", "NaN"),
  )
    .map(([before, n, after]) => `${before}c4n4ry${n}${after}`);
  const cell = (text: string) => `"${text.replaceAll('"', '""')}"`;
  const steps = [
    `- map: { fields: { id: id, total: { from: total, as: number } } }`,
    `- set: { x: { jsonata: "$error('bad: ' & id)" } }`,
    `- filter: '$assert(false, id)'`,
    `- map: { jsonata: '{ "id": $eval(id) }' }`,
  ];
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(marker, marker), { minLength: 1, maxLength: 6 }),
      fc.constantFrom(...steps),
      fc.boolean(),
      async (rows, step, isWhole) => {
        await using home = new LogHome();
        createLogLevels(home.db, systemClock).set("orders", "debug", 60_000, "ada");
        const text = `id,total,${cell(rows[0]![0])}\n${
          rows.map(([a, b]) => `${cell(a)},${cell(b)},1`).join("\n")
        }\n`;
        await home.write("in/a.csv", isWhole ? text : text.slice(0, -4));
        const json = rows.map(([a, b], i) => JSON.stringify({ id: a, [i === 0 ? "total" : `${b}`]: 1 })).join(
          "\n",
        );
        const { head } = await home.run(ORDERS.replace(/- map.*/, step));
        await home.write("in/b.json", json);
        // Documents whose fields are not the same cannot become one table.
        await home.run(
          ORDERS.replace("*.csv", "*.json").replace("format: csv", "format: ndjson")
            .replace("format: ndjson }", "format: csv }").replace(/steps:\n.*\n/, ""),
        );
        assert(home.logTexts().length >= 2 && (await home.log({ runId: head.runId })).length > 5);
        for (const text of home.logTexts()) assert(!text.includes("c4n4ry"), text);
      },
    ),
    { numRuns: 25 },
  );
});
