import { assert, assertEquals, assertNotEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { CLASSES, DEFAULT_OPTIONS } from "../../src/gate/policy/options.ts";
import { nameMatcher } from "../../src/base/name_patterns.ts";
import { compilePolicy, DEFAULT_POLICY } from "../../src/gate/policy/policy.ts";
import { readPolicy } from "../../src/gate/policy/read.ts";
import { POLICY_TEMPLATE } from "../../src/gate/policy/template.ts";
import { QUIET } from "./support.ts";

const read = (text: string) => readPolicy(text, QUIET.now);
const options = (text: string) => {
  const { options, problems } = read(text);
  assertEquals(problems, []);
  return options!;
};

Deno.test("by default production data never leaves, nothing leaves without end, and the template says the same", () => {
  assertEquals(DEFAULT_OPTIONS.data.send, "deny");
  for (const name of CLASSES) {
    assert(Number.isFinite(DEFAULT_OPTIONS[name].bytesPerDay));
    if (name !== "data") assertEquals(DEFAULT_OPTIONS[name].send, "allow");
  }
  const template = read(POLICY_TEMPLATE);
  assertEquals([template.options, template.warnings], [DEFAULT_OPTIONS, []]);
  // What the template only shows is valid too.
  const shown = POLICY_TEMPLATE.replaceAll(/# (hours:|until:|redaction:| {2}- name:| {4}pattern:)/g, "$1");
  const { redaction, logs, data } = options(shown);
  assertEquals([redaction[0]?.name, logs.hours?.timezone, data.until], [
    "customer number",
    "Europe/Berlin",
    "2027-01-31T23:59:59Z",
  ]);
});

Deno.test("the documentation shows the default file, whole", async () => {
  const page = await Deno.readTextFile(new URL("../../docs/policy.md", import.meta.url));
  assertStringIncludes(page, POLICY_TEMPLATE);
});

Deno.test("a class is one word or a table, and what is not said has its default", () => {
  const { tracking, logs, schema, status } = options(
    "tracking: deny\nlogs: { requesters: [ada] }\nschema: ask\nstatus: { processTexts: hashed, budget: 2 GiB }\n",
  );
  assertEquals(tracking, { ...DEFAULT_OPTIONS.tracking, send: "deny" });
  assertEquals(logs, { ...DEFAULT_OPTIONS.logs, requesters: ["ada"] });
  assertEquals(schema.send, "ask");
  assertEquals(status, { ...DEFAULT_OPTIONS.status, processTexts: "hashed", bytesPerDay: 2 ** 31 });
});

Deno.test("equal policies have equal hashes, however they are written; others have others", () => {
  const hash = (text: string) => compilePolicy(options(text)).hash;
  assertEquals(hash(POLICY_TEMPLATE), DEFAULT_POLICY.hash);
  assertEquals(
    hash("logs: deny\ntracking: allow\n"),
    hash("# as agreed\ntracking: {send: allow}\nlogs: {send: deny}"),
  );
  assertEquals(
    hash("logs: { hours: { from: '08:00', to: '09:00', days: [fri, mon] } }"),
    hash("logs: { hours: { from: '08:00', to: '09:00', days: [mon, fri], timezone: UTC } }"),
  );
  assertNotEquals(hash("logs: deny\n"), hash("errors: deny\n"));
});

const BAD: [text: string, place: string, field: string, message: string][] = [
  ["status: allow\ntrackin: deny\n", "2:1", "trackin", 'Did you mean "tracking"?'],
  ["tracking:\n  send: alow\n", "2:3", "tracking.send", 'Did you mean "allow"?'],
  ["tracking: ask\n", "1:1", "tracking", "goes out by itself"],
  ["status: { send: ask }\n", "1:11", "status.send", "goes out by itself"],
  ["logs: maybe\n", "1:1", "logs", "allow, deny, ask"],
  ["logs: [allow]\n", "1:1", "logs", "needs"],
  ["tracking: { names: hash }\n", "1:13", "tracking.names", 'Did you mean "hashed"?'],
  ["logs:\n  budget: 1 KB\n", "2:3", "logs.budget", "500 KiB"],
  ["logs:\n  budget: 500 KiB\n", "2:3", "logs.budget", "less than 1 MiB"],
  ["logs: { budget: 9999 GiB }\n", "1:9", "logs.budget", "more than"],
  ["data: allow\n", "1:1", "data", "needs an end"],
  ["data: { send: ask }\n", "1:1", "data", "needs an end"],
  ["data: { send: allow, until: 2026-02-31 }\n", "1:22", "data.until", "needs a day"],
  ["logs: { hours: { from: '9', to: '17:00' } }\n", "1:18", "logs.hours.from", "time of day"],
  ["logs: { hours: { from: '18:00', to: '08:00' } }\n", "1:9", "logs.hours", "begin before it ends"],
  [
    "logs: { hours: { from: '08:00', to: '09:00', timezone: Berlin } }\n",
    "1:46",
    "logs.hours.timezone",
    "no time zone",
  ],
  ["redaction:\n  - { name: x, pattern: 'a(?=b)' }\n", "2:16", "redaction[0].pattern", "at its character 2"],
  ["redaction:\n  - { name: X!, pattern: a }\n", "2:7", "redaction[0].name", "small letters"],
  [
    "redaction: [{ name: x, pattern: a }, { name: x, pattern: b }]\n",
    "1:40",
    "redaction[1].name",
    "another rule",
  ],
  ["tracking: deny\ntracking: allow\n", "2:1", "tracking", "already given"],
  ["tracking: [deny\n", "2:1", "", "is not YAML"],
  ["", "1:1", "", "needs fields"],
];
for (const [text, place, field, message] of BAD) {
  Deno.test(`policy: ${JSON.stringify(text)} is named by line and column`, () => {
    const { options, problems } = read(text);
    const problem = problems.find((each) => each.message.includes(message));
    assertEquals(options, undefined);
    assertEquals(
      [`${problem?.line}:${problem?.column}`, problem?.field],
      [place, field],
      JSON.stringify(problems),
    );
  });
}

Deno.test("policy: what is valid and perhaps not meant is warned of", () => {
  const warnings = read(
    "tracking: { names: hashed }\nstatus: deny\ndata: { send: allow, until: 2025-01-31 }\n",
  ).warnings
    .map(({ line, field, message }) => `${line} ${field}: ${message}`);
  assertStringIncludes(
    warnings.join("\n"),
    "1 tracking: has no decision, so the default holds: allow",
  );
  assertStringIncludes(
    warnings.join("\n"),
    "1 : says nothing of logs (allow), errors (allow), schema (allow): there",
  );
  assertStringIncludes(warnings.join("\n"), "2 status: the platform will see");
  assertStringIncludes(warnings.join("\n"), "3 data.until: has passed");
  const orphaned = read("tracking: deny\ndata: { send: allow, until: 2999-01-31 }\n").warnings;
  const found = orphaned.find(({ message }) => message.includes("shows none without their runs"));
  assertEquals([found?.line, found?.field], [2, "data"]);
});

Deno.test("policy: a text that is too large, and one that explodes, are refused", () => {
  assertStringIncludes(read(`# ${"x".repeat(70_000)}`).problems[0]!.message, "64 KiB");
  const bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" +
    [..."bcdefgh"].map((name, i) => `${name}: &${name} [${`*${"abcdefgh"[i]},`.repeat(9)}]\n`).join("");
  assert(read(bomb).problems.length > 0);
});

Deno.test("policy: whatever the text, there are options or problems with a place in it, and nothing is thrown", () => {
  const piece = fc.oneof(
    fc.constantFrom(
      "tracking:",
      "status: deny",
      "send: allow",
      "  ",
      "\n",
      "{",
      "}",
      "[",
      "- ",
      "*a",
      "&a ",
      "!!x ",
      "'",
    ),
    fc.string({ maxLength: 8 }),
  );
  fc.assert(fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
    const text = pieces.join("");
    const { options, problems } = read(text);
    assertEquals(options === undefined, problems.length > 0);
    for (const { line, column } of problems) {
      assert(line >= 1 && line <= text.split("\n").length + 1 && column >= 1);
    }
  }));
});

Deno.test("patterns: * stands for any characters, and a text made to hurt takes no time", () => {
  const fits = (pattern: string, name: string) => nameMatcher([pattern])(name);
  for (
    const [pattern, name] of [["*", ""], ["a*c", "abbc"], ["a*", "a"], ["*b*", "abc"], ["ab", "ab"], [
      "a*a",
      "aa",
    ]]
  ) {
    assert(fits(pattern!, name!), `${pattern} ${name}`);
  }
  for (
    const [pattern, name] of [["a", "ab"], ["a*a", "a"], ["*b", "abc"], ["", "a"], ["a*b*c", "acb"], [
      "a.c",
      "abc",
    ]]
  ) {
    assert(!fits(pattern!, name!), `${pattern} ${name}`);
  }
  assert(!fits("*a".repeat(90) + "b", "a".repeat(100_000)));
});
