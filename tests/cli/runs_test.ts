import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { EXIT } from "../../src/base/exit_codes.ts";
import { errorRecordSchema } from "../../src/protocol/payloads/errors.ts";
import { logRecordSchema } from "../../src/protocol/payloads/logs.ts";
import { COPY_PROCESS } from "../support/fleet.ts";
import { Home } from "./support.ts";

const UNKNOWN = "01890a5d-ac96-774b-bcce-b302099a8057";

/** A home in which one run had a document that failed; gives its id. */
async function homeWithRun(): Promise<{ home: Home; runId: string }> {
  const home = await Home.make();
  await home.write("copy.yaml", COPY_PROCESS);
  await home.write("data/in/a.csv", "id,amount\n1,2.5\n2,many\n");
  const { value } = await home.json("process", "run", "copy.yaml");
  return { home, runId: value.runId };
}

async function records(home: Home, ...words: string[]): Promise<unknown[]> {
  const { code, stdout, stderr } = await home.run(...words, "--json");
  assertEquals([code, stderr], [EXIT.ok, ""]);
  return stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
}

Deno.test("runs, logs and errors lead from a list to what went wrong", async () => {
  const { home, runId } = await homeWithRun();
  await using _ = home;
  const { value: { runs } } = await home.json("runs");
  // deno-lint-ignore no-explicit-any -- what a script would see: anything
  assertEquals(runs.map(({ runId, outcome }: any) => [runId, outcome]), [[runId, "partial"]]);
  assertEquals((await home.json("runs", "--process", "other")).value, { runs: [] });
  assertStringIncludes((await home.run("runs")).stdout, runId);

  const log = await records(home, "logs", runId);
  for (const record of log) logRecordSchema.parse(record);
  assertEquals((log[0] as { kind: string }).kind, "summary");
  const text = (await home.run("logs", runId, "--level", "warning")).stdout;
  assert(/^copy partial in \d+\.\d{3} s/.test(text), text);
  assert(/\nsteps\[0\]\.map +\+\d.* 2 +1 +1 +░*█*/.test(text), text);
  assert(text.includes("documents of it failed") && !text.includes("run started"), text);

  const failures = await records(home, "errors", runId);
  for (const record of failures) errorRecordSchema.parse(record);
  const said = (await home.run("errors", runId)).stdout;
  assert(/data\/in\/a\.csv +2 +3 +steps\[0\]\.map +document\.rejected/.test(said), said);
  assertStringIncludes(said, "document.rejected: Compare the document in the dead letter");
});

Deno.test("logs --follow of a run that is over ends, with the run as a whole at its end", async () => {
  const { home, runId } = await homeWithRun();
  await using _ = home;
  const { code, stdout } = await home.run("logs", runId, "--follow", "--step", "source");
  assertEquals([code, stdout.match(/^copy partial/gm)?.length], [EXIT.ok, 2]);
  assert(stdout.includes("documents of it failed") && !stdout.includes("run ended"), stdout);
});

Deno.test("logs and errors of a run that is not known, and words that are off, are refused", async () => {
  await using empty = await Home.make();
  assertEquals((await empty.json("runs")).value, { runs: [] });
  const { home, runId } = await homeWithRun();
  await using _ = home;
  for (const each of [empty, home]) {
    for (const command of ["logs", "errors"]) {
      const { code, value } = await each.json(command, UNKNOWN);
      assertEquals([code, value.error.code], [EXIT.invalidInput, "run.unknown"]);
    }
  }
  for (
    const words of [["logs"], ["logs", runId, "--level", "warn"], ["logs", runId, "--since", "then"], [
      "errors",
      runId,
      runId,
    ]]
  ) {
    assertEquals((await home.json(...words)).code, EXIT.usage, words.join(" "));
  }
  await Deno.remove(`${home.path}/state/logs`, { recursive: true });
  const { value } = await home.json("logs", runId);
  assertEquals(value.error.code, "run.purged");
});

Deno.test("logs level lets a process say more for a while", async () => {
  await using home = await Home.make();
  assertEquals((await home.json("logs", "level")).value, { levels: [] });
  const { value: { levels: [set] } } = await home.json("logs", "level", "copy", "debug", "--for", "30m");
  assertEquals([set.process, set.level], ["copy", "debug"]);
  await home.write("copy.yaml", COPY_PROCESS);
  await home.write("data/in/a.csv", "id,amount\n1,2\n");
  const { value: { runId } } = await home.json("process", "run", "copy.yaml");
  assertStringIncludes((await home.run("logs", runId)).stdout, "a batch went through");
  assertEquals((await home.json("logs", "level", "copy", "info")).value, { levels: [] });
  for (const words of [["copy"], ["copy", "loud"], ["copy", "debug", "--for", "ever"]]) {
    assertEquals((await home.json("logs", "level", ...words)).code, EXIT.usage, words.join(" "));
  }
});
