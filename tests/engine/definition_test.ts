import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { SallyportError } from "../../src/base/errors.ts";
import { CONNECTORS } from "../../src/connectors/mod.ts";
import {
  checkDefinition,
  parseDefinition,
  processJsonSchema,
} from "../../src/engine/definition/definition.ts";
import { ORDERS } from "./support.ts";

const GOOD = `process: orders
trigger: { every: 5s }
source:
  disk:
    path: orders/in
    format: csv
steps:
  - filter: total > 0
  - map: { fields: { id: id } }
sink:
  disk: { path: orders/out, format: ndjson }
track:
  until: 2999-12-31
  fields: { id: id }
`;

const BAD: [what: string, change: [string, string], line: number, field: string, message: string][] = [
  ["an unknown key", ["path: orders/in", "pathh: orders/in"], 5, "source.disk.pathh", 'Did you mean "path"?'],
  ["a missing field", ["    path: orders/in\n", ""], 4, "source.disk.path", "is missing"],
  ["a wrong type", ["orders/in", "7"], 5, "source.disk.path", "needs text here"],
  ["a bad name", ["process: orders", "process: Orders 1"], 1, "process", "small letter"],
  ["a bad interval", ["every: 5s", "every: 5 sec"], 2, "trigger.every", "a duration such as"],
  ["too short an interval", ["every: 5s", "every: 5ms"], 2, "trigger.every", "between 100ms and 30d"],
  ["a bad cron pattern", ["every: 5s", 'cron: "61 * * * *"'], 2, "trigger.cron", "61"],
  ["cron with seconds", ["every: 5s", 'cron: "* * * * * *"'], 2, "trigger.cron", "five fields"],
  [
    "a bad time zone",
    ["every: 5s", 'cron: "0 6 * * *", timezone: Europe/Berln'],
    2,
    "trigger.timezone",
    "no time zone",
  ],
  ["two triggers", ["every: 5s", "every: 5s, watch: true"], 2, "trigger", "exactly one of"],
  ["an unknown format", ["format: csv", "format: xls"], 6, "source.disk.format", "csv, json, ndjson, xml"],
  ["a folder above", ["orders/in", "../state"], 5, "source.disk.path", "outside data/"],
  ["an absolute folder", ["orders/in", "/etc"], 5, "source.disk.path", "outside data/"],
  ["a folder that steps out", ["orders/in", "orders/../../state"], 5, "source.disk.path", "outside data/"],
  ["a process that feeds on itself", ["orders/out", "orders/in"], 11, "sink.disk.path", "its own output"],
  ["bad JSONata", ["total > 0", '"total > ("'], 8, "steps[0].filter", "is not JSONata"],
  [
    "a pattern without bound",
    ["total > 0", '"$contains(a, /(?=x)y/)"'],
    8,
    "steps[0].filter",
    "without bound",
  ],
  ["an unknown step", ["- map:", "- mapp:"], 9, "steps[1].mapp", 'Did you mean "map"?'],
  ["a bad conversion", ["id: id", "id: { as: nmber }"], 9, "steps[1].map.fields.id.as", "number"],
  [
    "a placeholder that is none",
    ["format: ndjson", 'format: ndjson, file: "{x}"'],
    11,
    "sink.disk.file",
    "{source}",
  ],
  ["tracking without an end", ["  until: 2999-12-31\n", ""], 12, "track.until", "is missing"],
  ["an end that is no day", ["2999-12-31", "2999-02-31"], 13, "track.until", "a day such as"],
  ["an unknown key of tracking", ["  until:", "  untill:"], 13, "track.untill", 'Did you mean "until"?'],
  [
    "a bad name of a tracked field",
    ["{ id: id }\n", "{ 1st: id }\n"],
    14,
    "track.fields.1st",
    "a letter first",
  ],
  ["no tracked field", ["{ id: id }\n", "{}\n"], 14, "track.fields", "at least one"],
  [
    "too many tracked fields",
    ["{ id: id }\n", `{ ${Array.from({ length: 21 }, (_, i) => `f${i}: id`).join(", ")} }\n`],
    14,
    "track.fields",
    "at most 20",
  ],
  [
    "bad JSONata that is tracked",
    ["{ id: id }\n", '{ id: { jsonata: "(" } }\n'],
    14,
    "track.fields.id.jsonata",
    "JSONata",
  ],
  [
    "too many tracked documents",
    ["track:\n", "track:\n  documents: 10001\n"],
    13,
    "track.documents",
    "10000",
  ],
  ["a forbidden name", ["id: id", "__proto__: id"], 9, "__proto__", "cannot be used"],
  ["a duplicate key", ["trigger:", "process:"], 2, "process", "already given"],
  ["no YAML", ["  disk:\n    path", "\tdisk:\n    path"], 4, "", "is not YAML"],
];

for (const [what, change, line, field, message] of BAD) {
  Deno.test(`definition: ${what} is named by line and field`, () => {
    const { process, problems } = checkDefinition(GOOD.replace(...change), CONNECTORS);
    assertEquals(process, undefined);
    const problem = problems.find((problem) => problem.message.includes(message));
    assertEquals([problem?.line, problem?.field], [line, field], JSON.stringify(problems));
    if (field !== "") assertEquals(problems.length, 1, JSON.stringify(problems));
  });
}

Deno.test("definition: several problems are told at once, in the order of the text", () => {
  const text = GOOD.replace("every: 5s", "every: soon").replace("csv", "xls").replace("orders/out", "/");
  const error: SallyportError = assertThrows(
    () => parseDefinition(text, "orders.yaml", CONNECTORS),
    SallyportError,
  );
  assertEquals(error.code, "process.invalid");
  assertEquals(error.message.split("\n").map((line) => line.split(": ")[0]), [
    "orders.yaml:2:12",
    "orders.yaml:6:5",
    "orders.yaml:11:11",
  ]);
});

Deno.test("definition: too large, an alias bomb and things that are no process are refused", () => {
  const bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" +
    [..."bcdefgh"].map((name, i) => `${name}: &${name} [${`*${"abcdefgh"[i]},`.repeat(9)}]\n`).join("");
  for (const text of [`# ${"x".repeat(300_000)}`, bomb, "", "just text", "- a\n- b"]) {
    const { process, problems } = checkDefinition(text, CONNECTORS);
    assertEquals(process, undefined);
    assert(problems.length > 0);
  }
});

Deno.test("definition: what is good becomes a process with its folders", () => {
  const { process } = checkDefinition(ORDERS, CONNECTORS);
  assertEquals(process?.folders, ["done", "failed", "in", "out"]);
  assertEquals([process?.name, process?.version, process?.trigger.kind], ["orders", "1", "manual"]);
  assert(/^[0-9a-f]{12}$/.test(process!.definition));
});

Deno.test("definition: the JSON Schema for editors knows steps, formats and descriptions", () => {
  const text = JSON.stringify(processJsonSchema(CONNECTORS));
  for (const part of ["delimiter", "jsonata", "timezone", "deadLetter", "crontab"]) {
    assertStringIncludes(text, part);
  }
});

Deno.test("definition: every example is valid", async () => {
  const folder = new URL("../../examples/", import.meta.url);
  for await (const { name } of Deno.readDir(folder)) {
    if (name.endsWith(".yaml")) {
      parseDefinition(await Deno.readTextFile(new URL(name, folder)), name, CONNECTORS);
    }
  }
});
