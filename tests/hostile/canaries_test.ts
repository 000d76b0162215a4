import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { systemClock } from "../../src/base/clock.ts";
import { uuidv7 } from "../../src/base/ids.ts";
import { CUSTOM } from "../../src/protocol/capabilities.ts";
import { jsonMessage, readJsonMessage } from "../../src/protocol/messages.ts";
import { chunkSchema } from "../../src/protocol/payloads/requests.ts";
import { COPY_PROCESS, eventually, Fleet } from "../support/fleet.ts";
import { logRequest } from "../support/requests.ts";
import { HostilePlatform } from "./platform.ts";

/** Stands in every cell, name of a field, element and attribute of every document, and nowhere else. */
const CANARY = "canary";

/** A text that is told from every other by its number, with what may break a parser or an expression around it. */
const markerOf = (word: string) =>
  fc.tuple(
    fc.constantFrom(
      "",
      '"',
      "'",
      ",",
      "\n",
      "<",
      "&",
      "{",
      "\\",
      "${",
      "\u0000",
      "é",
      "4111111111111111 ",
      "a@b.example ",
    ),
    fc.nat(1_000_000),
    fc.constantFrom("", '"', ";", "]]>", "}", "%", "\t", "-", "NaN", "e999"),
  ).map(([before, number, after]) => `${before}${word}${number}${after}`);
const marker = markerOf(CANARY);

const rows = fc.array(
  fc.record({ id: marker, amount: fc.oneof(marker, fc.integer().map(String)), [`${CANARY}Field`]: marker }),
  {
    minLength: 1,
    maxLength: 8,
  },
);

type Rows = Record<string, string>[];

const cell = (text: string) => `"${text.replaceAll('"', '""')}"`;
const asCsv = (documents: Rows) =>
  [Object.keys(documents[0]!), ...documents.map((each) => Object.values(each))]
    .map((line) => line.map(cell).join(",")).join("\n") + "\n";
const asXml = (documents: Rows) => {
  const text = (value: string) => value.replaceAll(/[<&]/g, (char) => char === "<" ? "&lt;" : "&amp;");
  const fields = (each: Record<string, string>) =>
    Object.entries(each).map(([name, value]) => `<${name}>${text(value)}</${name}>`).join("");
  return `<all>${documents.map((each) => `<row>${fields(each)}</row>`).join("")}</all>`;
};

/** A file of each kind, whole or cut off somewhere, so that every reader meets documents that it can and cannot read. */
const WRITERS: Record<string, (documents: Rows) => string> = {
  csv: asCsv,
  json: (documents) => JSON.stringify(documents),
  ndjson: (documents) => documents.map((each) => JSON.stringify(each)).join("\n") + "\n",
  xml: asXml,
};

const FORMATS: Record<string, string> = {
  csv: "csv",
  json: "json",
  ndjson: "ndjson",
  xml: "xml, element: row",
};

/** A way through the engine that ends in some error for some of the documents. */
const STEPS: Record<string, string> = {
  map: "[{ map: { fields: { id: id, amount: { from: amount, as: number } } } }]",
  required: "[{ map: { fields: { id: { from: missing, required: true } } } }]",
  dates: "[{ map: { fields: { id: { from: id, as: date }, whole: { from: amount, as: integer } } } }]",
  jsonata: `[{ map: { jsonata: '{ "id": $number(id) + $error("bad: " & $string($)) }' } }]`,
  notobject: "[{ map: { jsonata: 'id' } }]",
  filter: "[{ filter: { field: amount, moreThan: 0 } }]",
  filterexpression: "[{ filter: '$assert(false, id)' }]",
  set: "[{ set: { total: { jsonata: '$number(amount) * $toMillis(id)' } } }]",
  log: "[{ log: 'documents came by' }, { set: { seen: true } }]",
};

function definitions(): Record<string, string> {
  const all: Record<string, string> = {};
  for (const [format, options] of Object.entries(FORMATS)) {
    for (const [step, steps] of Object.entries(STEPS)) {
      const name = `${step}-${format}`;
      all[name] = [
        `process: ${name}`,
        "trigger: { every: 100ms }",
        `source: { disk: { path: ${name}/in, glob: "*", format: ${options}, after: { move: ${name}/done } } }`,
        `steps: ${steps}`,
        `sink: { disk: { path: ${name}/out, file: "{source}.ndjson", format: ndjson } }`,
        `deadLetter: { path: ${name}/failed }`,
        // The owner's policy says nothing of that, so none of it may leave.
        `track: { until: 2999-12-31, fields: { id: id, all: { jsonata: "$string($)" } } }`,
        "",
      ].join("\n");
    }
  }
  return all;
}

/** Asks as a person would, and takes the whole answer; gives how many records it has. */
async function ask(platform: HostilePlatform, capability: string, parameters: object): Promise<number> {
  const id = uuidv7(systemClock);
  const request = logRequest({ id, parameters: { ...parameters }, expiresInMs: 180_000 });
  platform.say({ customMessage: jsonMessage(capability, "request", request) });
  const chunks = () =>
    platform.messages.flatMap(({ customMessage }) =>
      customMessage?.capability === capability && customMessage.type === "chunk"
        ? [readJsonMessage(customMessage, chunkSchema)]
        : []
    );
  const chunk = await eventually(
    () => chunks().find((each) => each.id === id && each.last),
    (last) => last !== undefined,
  );
  const stored = chunk!.index + 1;
  platform.say({ customMessage: jsonMessage(capability, "credit", { id, stored, credit: stored }) });
  return chunk!.last!.records;
}

Deno.test("of random documents full of canaries none is in a byte that the platform gets, whatever fails", async () => {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  await using platform = await HostilePlatform.inPlaceOf(fleet);
  const processes = definitions();
  const places = Object.keys(FORMATS).map((format) =>
    `  ${format}: { disk: { path: map-${format}/done } }\n`
  );
  await Deno.writeTextFile(`${fleet.home}/connections.yaml`, `connections:\n${places.join("")}`);
  const samples = fc.sample(rows, { numRuns: 6, seed: 20 });
  let files = 0;
  for (const name of Object.keys(processes)) {
    const format = name.split("-")[1]!;
    for (const [i, documents] of samples.entries()) {
      const text = WRITERS[format]!(documents);
      await fleet.drop(
        `data/${name}/in/${i}.${format}`,
        i % 2 === 0 ? text : text.slice(0, Math.floor(text.length * 0.7)),
      );
      files++;
    }
  }
  const agent = fleet.startAgent();
  await agent.connected();
  platform.deploy(processes);
  const finished = () => platform.records.filter((record) => record.kind === "run-finished");
  const seen = () =>
    finished().reduce((sum, { files }) => sum + files.filter(({ role }) => role === "source").length, 0);
  await eventually(seen, (count) => count >= files);

  // What a killed engine leaves behind, and a process that is refused with its text, are told as well.
  await fleet.drop("data/in/last.csv", asCsv(samples[0]!));
  const more = { ...processes, copy: COPY_PROCESS, broken: `process: broken\nsource: { ${CANARY}: 1 }\n` };
  platform.deploy(more);
  await agent.stop("SIGKILL");
  const again = fleet.startAgent();
  await again.connected();
  platform.deploy(more);
  await eventually(finished, (runs) => runs.some(({ process }) => process === "copy"));

  const documents = (kind: "out" | "failed") =>
    finished().reduce((sum, { documents }) => sum + documents[kind], 0);
  assert(documents("out") > 100 && documents("failed") > 100, "nothing was tried");
  assert(platform.records.length >= 2 * Object.keys(processes).length);
  // What a person asks for says no more, and that is looked into for one run of each process.
  const runs = new Map(finished().map(({ process, runId }) => [process, runId]));
  let told = 0;
  for (const runId of runs.values()) {
    for (const capability of [CUSTOM.logs, CUSTOM.errors]) told += await ask(platform, capability, { runId });
  }
  assert(told > 5 * runs.size, `${told} records`);
  // The text of a refused process goes back to the platform that sent it; documents are looked for without it.
  const sent = (from = 0) =>
    platform.received.slice(from).map((bytes) => new TextDecoder("latin1").decode(bytes)).join("\n");
  assertEquals(sent().match(/canary(Field|\d+).{0,40}/g), null);
  // A schema has the names of fields, and no value.
  const before = platform.received.length;
  for (const connection of Object.keys(FORMATS)) await ask(platform, CUSTOM.schema, { connection });
  assert(sent(before).includes(`${CANARY}Field`), "nothing was browsed");
  assertEquals(sent(before).match(/canary\d+.{0,40}/g), null);
  assert(again.lines.every((line) => !/canary\d/.test(JSON.stringify(line))), "the log of the agent");
  await again.stop();
});

/** What stands in the one field that is tracked, by the file that it is in. */
const TRACKED = "kestrel";
/** Without what XML cannot hold: there the rest of a file would not be read. */
const legal = (texts: fc.Arbitrary<string>) =>
  texts.filter((text) => !text.includes("\u0000") && !text.includes("]]>"));
const birds = (text: string) => [...new Set(text.match(/kestrel[a-z]+\d+/g))].sort();

Deno.test("of what a policy lets a process track exactly that leaves, and nothing once either's time is over", async () => {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  await using platform = await HostilePlatform.inPlaceOf(fleet);
  const process = (format: string, until: string) =>
    [
      `process: birds-${format}`,
      "trigger: { watch: { settle: 50ms } }",
      `source: { disk: { path: ${format}, glob: "*", format: ${FORMATS[format]}, after: delete } }`,
      `steps: [{ map: { fields: { amount: { from: amount, as: number } } } }]`,
      `sink: { disk: { path: out, file: "{run}.ndjson", format: ndjson } }`,
      `track: { until: ${until}, fields: { bird: bird } }`,
    ].join("\n");
  const deploy = (until: string) =>
    platform.deploy(
      Object.fromEntries(Object.keys(FORMATS).map((format) => [`birds-${format}`, process(format, until)])),
    );
  const agent = fleet.startAgent();
  await agent.connected();

  let deployed = "";
  /** Under a policy and a process with these ends, a file of each format; gives what was in them. */
  const round = async (name: string, policyUntil: string, processUntil: string) => {
    const from = agent.lines.length;
    const policy = `data: { send: allow, until: ${policyUntil} } # ${name}\n`;
    await Deno.writeTextFile(`${fleet.home}/policy.yaml`, policy);
    await agent.line(({ message }) => message === "policy in force", from);
    if (processUntil !== deployed) {
      deploy(processUntil);
      const active = () =>
        agent.lines.slice(from).filter(({ message }) => message === "process active").length;
      await eventually(active, (count) => count === 4);
      deployed = processUntil;
    }
    const samples = fc.sample(
      fc.array(
        fc.record({
          bird: legal(markerOf(TRACKED + name)),
          amount: fc.oneof(legal(marker), fc.integer().map(String)),
          note: legal(marker),
        }),
        { minLength: 20, maxLength: 40 },
      ),
      { numRuns: 4, seed: 4 },
    );
    const finished = () => platform.records.filter((record) => record.kind === "run-finished").length;
    const before = finished();
    let read = "";
    for (const [i, format] of Object.keys(FORMATS).entries()) {
      const text = WRITERS[format]!(samples[i]!);
      await fleet.drop(`data/${format}/${name}`, text);
      read += text;
    }
    await eventually(finished, (count) => count >= before + 4);
    return birds(read);
  };
  const bytes = () => platform.received.map((each) => new TextDecoder("latin1").decode(each)).join("\n");

  const allowed = await round("allowed", "2999-12-31", "2999-12-31");
  await eventually(() => birds(bytes()).length, (count) => count >= allowed.length);
  const late = await round("late", "2020-12-31", "2999-12-31");
  const over = await round("over", "2999-12-31", "2020-12-31");
  assert(late.length > 50 && over.length > 50, "nothing was tried");
  await agent.stop();
  assertEquals(birds(bytes()), allowed);
  assertEquals(bytes().match(/canary(Field|\d+).{0,40}/g), null);
  assert(platform.documents.every(({ fields }) => Object.keys(fields).every((name) => name === "bird")));
});
