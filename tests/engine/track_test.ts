import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  MAX_DOCUMENTS_PER_RECORD,
  MAX_PAYLOAD_BYTES,
  MAX_TRACKED_CHARS,
  MAX_TRACKED_CHARS_PER_RUN,
  MAX_TRACKED_FIELDS,
} from "../../src/base/limits.ts";
import { createLog } from "../../src/base/log.ts";
import { systemClock } from "../../src/base/clock.ts";
import { utf8Length } from "../../src/base/encoding.ts";
import { offerDataGrant } from "../../src/engine/data_grant.ts";
import { offerRedaction } from "../../src/engine/redaction.ts";
import { LogHome, ofKind } from "./logs/support.ts";
import { ORDERS, TestHome } from "./support.ts";

const UNTIL = "2999-12-31T23:59:59Z";
const ALLOWED = { until: UNTIL, processes: ["*"] };
const CARD = "4111111111111111";

/** `ORDERS` with a section `track` of these fields. */
const tracking = (fields: string, more = "") =>
  `${ORDERS}track: { until: 2999-12-31, ${more} fields: { ${fields} } }\n`;

/** The lines of the log that a run leaves. */
function listening() {
  const lines: Record<string, unknown>[] = [];
  const write = (line: string) => void lines.push(JSON.parse(line));
  return { lines, log: createLog({ clock: systemClock, format: "json", write }) };
}

const told = (home: TestHome): Record<string, unknown>[] =>
  home.told.flatMap(({ file, documents }) =>
    documents.map(({ row, result, fields }) => ({ file: file.name, row, result, ...fields }))
  );

Deno.test("of each document as it was read the fields are told by their names, and what became of it", async () => {
  await using home = new TestHome();
  offerDataGrant(home.db, ALLOWED);
  await home.write("in/a.csv", "id,total,secret\nA1,5,x\nA2,many,x\nA3,0,x\nA4,9,x\n");
  await home.write("in/b.csv", "id,total,secret\nB1,7,x\n");
  const { head, documents } = await home.run(
    tracking(
      `order: id, "total amount": { from: total }, short: { jsonata: "$substring(id, 0, 1)" }, none: nope`,
    )
      .replace("as: number } } }", "as: number } } }\n  - filter: { field: total, moreThan: 0 }"),
  );
  assertEquals(documents, { in: 5, out: 3, filtered: 1, failed: 1 });
  assertEquals(told(home), [
    { file: "a.csv", row: 1, result: "out", order: "A1", "total amount": "5", short: "A" },
    { file: "a.csv", row: 2, result: "failed", order: "A2", "total amount": "many", short: "A" },
    { file: "a.csv", row: 3, result: "filtered", order: "A3", "total amount": "0", short: "A" },
    { file: "a.csv", row: 4, result: "out", order: "A4", "total amount": "9", short: "A" },
    { file: "b.csv", row: 1, result: "out", order: "B1", "total amount": "7", short: "B" },
  ]);
  const [{ documents: _, ...first }] = home.told as [typeof home.told[0]];
  assertEquals(first, {
    kind: "documents",
    runId: head.runId,
    process: "orders",
    until: UNTIL,
    file: { name: "a.csv", directory: "data/in" },
    fileNumber: 1,
    beyond: 0,
  });
  assertEquals(home.told[1]!.fileNumber, 2);
});

Deno.test("nothing is taken unless the owner allows it, by the process's name and for the time", async () => {
  const over = "2020-01-31T23:59:59Z";
  const cases: [Parameters<typeof offerDataGrant>[1], string, string][] = [
    [undefined, tracking("order: id"), "does not allow the class data"],
    [{ ...ALLOWED, until: over }, tracking("order: id"), "allowed it until 2020-01-31"],
    [{ ...ALLOWED, processes: ["invoices", "order"] }, tracking("order: id"), "names other processes"],
    [ALLOWED, tracking("order: id").replace("2999", "2020"), "tracks them until 2020-12-31"],
  ];
  for (const [grant, definition, reason] of cases) {
    await using home = new TestHome();
    offerDataGrant(home.db, ALLOWED);
    offerDataGrant(home.db, grant);
    await home.write("in/a.csv", "id,total\nA1,5\n");
    const { lines, log } = listening();
    assertEquals((await home.run(definition, { log })).outcome, "succeeded");
    assertEquals(home.told, []);
    const line = lines.find(({ message }) => message === "the tracked fields are not taken");
    assertStringIncludes(String(line?.reason), reason);
    assert(!JSON.stringify(lines).includes("A1"));
  }
});

Deno.test("taking fields is a step of its own in the run's log, which holds no value", async () => {
  await using home = new LogHome();
  offerDataGrant(home.db, ALLOWED);
  await home.write("in/a.csv", "id,total\nA1,5\nA2,many\n");
  const { head: { runId } } = await home.run(tracking("order: id, all: { jsonata: '$string($)' }"));
  const records = await home.log({ runId });
  const steps = ofKind(records, "step").map(({ step, in: read, out, failed }) => [step, read, out, failed]);
  assertEquals(steps.slice(0, 3), [["source", 2, 2, 0], ["track", 2, 2, 0], ["steps[0].map", 2, 1, 1]]);
  assertEquals(home.logTexts().join().match(/A[12]|many/), null);
});

Deno.test("a run that the policy overtakes tells nothing", async () => {
  await using home = new TestHome();
  offerDataGrant(home.db, ALLOWED);
  await home.write("in/a.csv", "id,total\nA1,5\n");
  const revoke = () => offerDataGrant(home.db, undefined);
  await home.run(tracking("order: id"), { onProgress: revoke });
  assertEquals(home.told, []);
});

Deno.test("values lose their secrets, those of the owner's rules too, and are cut and marked", async () => {
  await using home = new TestHome();
  offerDataGrant(home.db, ALLOWED);
  offerRedaction(home.db, [{ name: "customer", pattern: "C-[0-9]+" }]);
  const documents = [
    {
      id: `card ${CARD}`,
      total: 1,
      of: "C-77 and others",
      yes: true,
      long: "x".repeat(2 * MAX_TRACKED_CHARS),
    },
    // A secret that the cut would go through is found before it.
    { id: "2", total: 2.5, nothing: null, long: "x".repeat(MAX_TRACKED_CHARS - 8) + ` ${CARD}` },
  ];
  await home.write("in/a.ndjson", documents.map((each) => JSON.stringify(each)).join("\n") + "\n");
  await home.run(
    tracking("id: id, total: total, of: of, yes: yes, long: long, nothing: nothing")
      .replace('glob: "*.csv", format: csv', 'glob: "*.ndjson", format: ndjson'),
  );
  assertEquals(home.told[0]!.documents, [{
    row: 1,
    result: "out",
    fields: {
      id: "card [redacted: card number]",
      total: "1",
      of: "[redacted: customer] and others",
      yes: "true",
      long: "x".repeat(MAX_TRACKED_CHARS),
    },
    cut: ["long"],
  }, {
    row: 2,
    result: "out",
    fields: { id: "2", total: "2.5", long: `${"x".repeat(MAX_TRACKED_CHARS - 8)} [redact` },
    cut: ["long"],
  }]);
});

Deno.test("of more documents than a run may track the rest is counted, in the records and in the log", async () => {
  await using home = new TestHome();
  offerDataGrant(home.db, ALLOWED);
  const rows = (from: number, count: number) =>
    Array.from({ length: count }, (_, i) => `${from + i},1`).join("\n");
  await home.write("in/a.csv", `id,total\n${rows(1, 600)}\n`);
  await home.write("in/b.csv", `id,total\n${rows(601, 600)}\n`);
  const { lines, log } = listening();
  await home.run(tracking("order: id", "documents: 700,"), { log });
  assertEquals(home.told.map(({ documents, beyond }) => [documents.length, beyond]), [
    [MAX_DOCUMENTS_PER_RECORD, 500],
    [600 - MAX_DOCUMENTS_PER_RECORD, 500],
    [100, 500],
  ]);
  assertEquals(told(home).map(({ order }) => Number(order)), Array.from({ length: 700 }, (_, i) => i + 1));
  const line = lines.find(({ message }) => message === "not everything that is tracked was taken");
  assertEquals([line?.documents, line?.documentsBeyond], [700, 500]);
});

Deno.test("the characters of a run are bounded as well, and the largest document fits into a record", async () => {
  await using home = new TestHome();
  offerDataGrant(home.db, ALLOWED);
  const names = Array.from({ length: MAX_TRACKED_FIELDS }, (_, i) => `${"𝐍".repeat(38)}${10 + i}`);
  // A control character takes six bytes in JSON.
  const document = Object.fromEntries(names.map((name) => [name, "\u0001".repeat(MAX_TRACKED_CHARS)]));
  const count = MAX_TRACKED_CHARS_PER_RUN / (MAX_TRACKED_FIELDS * MAX_TRACKED_CHARS) + 5;
  const text = JSON.stringify(document) + "\n";
  await home.write(`in/${"\u0002".repeat(240)}.json`, text.repeat(count));
  await home.run(
    tracking(names.map((name) => `"${name}": "${name}"`).join(", "))
      .replace('glob: "*.csv", format: csv', 'glob: "*.json", format: ndjson')
      .replace("{ id: id, total: { from: total, as: number } }", "{ id: none }"),
  );
  const sizes = home.told.map((record) => utf8Length(JSON.stringify(record)));
  assert(Math.max(...sizes) <= MAX_PAYLOAD_BYTES, `${Math.max(...sizes)}`);
  assert(Math.max(...sizes) > MAX_PAYLOAD_BYTES * 0.9, "the worst was not tried");
  const taken = told(home).length;
  assertEquals([taken, home.told[0]!.beyond], [210, Math.floor(count) - 210]);
});

Deno.test("an input that fails as a whole tells nothing, and its documents come when it is read again", async () => {
  await using home = new TestHome();
  offerDataGrant(home.db, ALLOWED);
  await home.write("in/a.csv", "id,total\nA1,1\n");
  await home.write("in/b.csv", "id,total\nB1,1\n");
  let batches = 0;
  const { outcome } = await home.run(tracking("order: id"), {
    onProgress: () => ++batches === 2 && Deno.removeSync(home.data("in/b.csv")),
  });
  assertEquals([outcome, told(home).map(({ order }) => order)], ["partial", ["A1"]]);
  await home.write("in/b.csv", "id,total\nB1,1\nB2,1\n");
  await home.run(tracking("order: id"));
  assertEquals(told(home).map(({ order }) => order), ["A1", "B1", "B2"]);
});

Deno.test("a list, a table and an expression that fails give no value, which the log counts", async () => {
  await using home = new TestHome();
  offerDataGrant(home.db, ALLOWED);
  await home.write(
    "in/a.json",
    JSON.stringify([{ id: 1, total: 1, lines: [CARD], customer: { name: "Ada" } }]),
  );
  const { lines, log } = listening();
  await home.run(
    tracking(
      `id: id, lines: lines, customer: customer, name: customer.name, bad: { jsonata: '$error("no: " & $string($))' }`,
    ).replace('glob: "*.csv", format: csv', 'glob: "*.json", format: json'),
    { log },
  );
  assertEquals(told(home).map(({ file: _, row: __, result: ___, ...fields }) => fields), [{
    id: "1",
    name: "Ada",
  }]);
  const line = lines.find(({ message }) => message === "not everything that is tracked was taken");
  assertEquals(line?.fieldsWithout, 3);
  assert(!JSON.stringify(lines).includes("Ada"));
});
