import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path";
import type { Command } from "../../src/base/command_line/command.ts";
import { oneWord, usage } from "../../src/base/command_line/command.ts";
import type { Invocation, Program } from "../../src/base/command_line/program.ts";
import { runProgram } from "../../src/base/command_line/program.ts";
import { SallyportError } from "../../src/base/errors.ts";
import { EXIT } from "../../src/base/exit_codes.ts";

type Run = Command<Invocation>["run"];

/** A program of four commands; `run` is what each does, and `loaded` names those whose code was loaded. */
function program(run: Run, changes: Partial<Program<Command<Invocation>>> = {}) {
  const loaded: string[] = [];
  const command = (name: string) => () => {
    loaded.push(name);
    const options = [
      { name: "size", value: "N", summary: "How large" },
      { name: "round", summary: "Round it" },
    ];
    const described = { usage: "THING", summary: `Does ${name}`, about: `About ${name}.`, options };
    return Promise.resolve({ name, ...described, examples: [`tool ${name} x`], run });
  };
  const names = ["thing", "thing make", "thing make twice", "other list"];
  const made: Program<Command<Invocation>> = {
    name: "tool",
    about: "tool: makes things.",
    commonOptions: [{ name: "host", value: "HOST", summary: "Where" }],
    commands: Object.fromEntries(names.map((name) => [name, command(name)])),
    version: { version: "1.2.3", commit: null },
    run: (command, invocation) => command.run(invocation),
    ...changes,
  };
  return { loaded, made };
}

/** Runs a command line and gives what a shell would see. */
async function outcome(made: Program<Command<Invocation>>, ...args: string[]) {
  const { log, error } = console;
  const out: string[] = [];
  const err: string[] = [];
  console.log = (line: string) => void out.push(line);
  console.error = (line: string) => void err.push(line);
  try {
    const code = await runProgram(made, args);
    return { code, out: out.join("\n"), err: err.join("\n") };
  } finally {
    Object.assign(console, { log, error });
  }
}

const echo: Run = ({ words, option, values, flag, result }) => {
  const seen = { words, size: option("size"), host: values("host"), round: flag("round") };
  result(seen, ({ words }) => words.join(" "));
  return Promise.resolve(EXIT.ok);
};

Deno.test("the command with the most words is run, with its words and options", async () => {
  const { made, loaded } = program(echo);
  const args = ["thing", "make", "3", "--size=4", "--host", "a", "b", "--host", "c", "--round", "--json"];
  const { code, out } = await outcome(made, ...args);
  assertEquals(code, EXIT.ok);
  assertEquals(JSON.parse(out), { words: ["3", "b"], size: "4", host: ["a", "c"], round: true });
  assertEquals(loaded, ["thing make"]);
  assertEquals((await outcome(made, "thing", "make", "a", "--", "--size")).out, "a --size");
});

Deno.test("only the command that is called is loaded; no command is, for the version or a wrong word", async () => {
  const { made, loaded } = program(echo);
  await outcome(made, "--version");
  await outcome(made, "nothing");
  assertEquals(loaded, []);
  await outcome(made, "thing", "make", "twice");
  await outcome(made, "other", "list", "--help");
  assertEquals(loaded, ["thing make twice", "other list"]);
});

Deno.test("words that are off are named, with the way to the help of their command", async () => {
  const { made } = program(() => Promise.reject(usage("too early")));
  const make = ["thing", "make"];
  const cases: [string[], string, string][] = [
    [[...make, "--colour"], "there is no option --colour", "tool thing make --help"],
    [[...make, "-x"], "there is no option -x", "tool thing make --help"],
    [[...make, "--size"], "--size needs a value", "tool thing make --help"],
    [[...make, "--size", "--round"], "--size needs a value", "tool thing make --help"],
    [[...make, "--size="], "--size needs a value", "tool thing make --help"],
    [make, "too early", "tool thing make --help"],
    [["nothing"], 'there is no command "nothing"', "tool --help"],
    [["toString"], 'there is no command "toString"', "tool --help"],
    [["--host", "x", "thing"], "a command must stand before --host", "tool --help"],
  ];
  for (const [args, message, help] of cases) {
    assertEquals(await outcome(made, ...args), {
      code: EXIT.usage,
      out: "",
      err: `error ${message}\nSee: ${help}\n(usage)`,
    });
  }
});

Deno.test("a command that takes one word says how many it got", async () => {
  const { made } = program(({ words, result }) => {
    result(oneWord({ name: "thing", usage: "THING" } as Command<unknown>, words), (word) => word);
    return Promise.resolve(EXIT.ok);
  });
  assertEquals((await outcome(made, "thing", "x")).out, "x");
  assertStringIncludes((await outcome(made, "thing", "x", "y")).err, '"thing" takes one THING, and got 2');
});

Deno.test("a command that takes no words refuses them before it does anything", async () => {
  const { made: { commands } } = program(() => Promise.reject(new Error("it ran")));
  const load = (name: string, usage: string) => async () => ({ ...await commands["thing"]!(), name, usage });
  const { made } = program(echo, {
    commands: {
      "list": load("list", ""),
      "list old": load("list old", "THING"),
      "list new": load("list new", ""),
      "": load("", "--size N"),
    },
  });
  const cases: [string[], string, string][] = [
    [["list", "odl", "x"], '"tool list" takes no words, and got "odl x"; there are also', "tool list --help"],
    [
      ["list", "new", "--size", "2", "x"],
      '"tool list new" takes no words, and got "x"\n',
      "tool list new --help",
    ],
    [["list", "new", "--", "--size"], 'got "--size"\n', "tool list new --help"],
    [["--size", "2", "x"], '"tool" takes no words, and got "x"\n', "tool --help"],
  ];
  for (const [args, message, help] of cases) {
    const { code, out, err } = await outcome(made, ...args);
    assertEquals([code, out], [EXIT.usage, ""]);
    assertStringIncludes(err, message);
    assertStringIncludes(err, `\nSee: ${help}\n`);
  }
  assertStringIncludes((await outcome(made, "list", "x")).err, "the commands list old, list new\n");
  assertEquals(JSON.parse((await outcome(made, "list", "x", "--json")).out).error.code, "usage");
  assertEquals((await outcome(made, "list", "--size", "2")).err.includes("it ran"), true);
});

Deno.test("help is given for the program, for a group of commands and for one command", async () => {
  const { made } = program(echo, { notes: "Mind the gap." });
  for (const args of [["help"], ["--help"], ["-h"], ["--json", "--help"]]) {
    const { code, out, err } = await outcome(made, ...args);
    assertEquals([code, err], [EXIT.ok, ""]);
    const parts = [
      "tool: makes things.",
      "thing make twice",
      "Does other list",
      "--host HOST",
      "Mind the gap.",
    ];
    for (const part of parts) assertStringIncludes(out, part);
  }
  const group = await outcome(made, "other", "--help");
  assertEquals([group.code, group.out.includes("thing make")], [EXIT.ok, false]);
  assertStringIncludes(group.out, "other list");

  const one = await outcome(made, "other", "list", "--bogus", "--help");
  assertEquals(one.code, EXIT.ok);
  for (
    const part of [
      "Usage: tool other list THING [OPTIONS]",
      "About",
      "--size N",
      "--round ",
      "--host",
      "--json",
    ]
  ) assertStringIncludes(one.out, part);
  assertStringIncludes(one.out, "Examples:\n  tool other list x");
});

Deno.test("help that was not asked for is a usage error", async () => {
  const { made } = program(echo);
  assertEquals((await outcome(made)).code, EXIT.usage);
  const group = await outcome(made, "other");
  assertEquals([group.code, group.out.includes("other list")], [EXIT.usage, true]);
  for (const args of [["--json"], ["other", "--json"], ["nothing", "--json"]]) {
    const { code, out } = await outcome(made, ...args);
    assertEquals([code, JSON.parse(out).error.code], [EXIT.usage, "usage"]);
  }
});

Deno.test("an error has its exit code, its remedy and the causes that add something, and drives no terminal", async () => {
  const cause = new Error("file is \x1b[31mred", { cause: new Error("red") });
  const details = { remedy: "Paint it.", retryable: true, cause };
  const { made } = program(() =>
    Promise.reject(new SallyportError("platform.unreachable", "one\ntwo", details))
  );
  const text = await outcome(made, "thing");
  assertEquals([text.code, text.out], [EXIT.unreachable, ""]);
  assertEquals(text.err, "error one\ntwo: file is \\x1b[31mred\nPaint it.\n(platform.unreachable)");

  const json = await outcome(made, "thing", "--json");
  assertEquals([json.code, json.err], [EXIT.unreachable, ""]);
  assertEquals(JSON.parse(json.out), {
    error: {
      code: "platform.unreachable",
      message: "one\ntwo: file is \x1b[31mred",
      remedy: "Paint it.",
      retryable: true,
    },
  });
});

Deno.test("what nobody foresaw is a defect of ours, and says that it should be reported", async () => {
  const { made } = program(() => Promise.reject(new TypeError("x is undefined")));
  const { code, err } = await outcome(made, "thing");
  assertEquals(code, EXIT.internal);
  assert(/^error x is undefined\n.*report.*\n\(internal\)$/.test(err), err);
});

Deno.test("a command that could not be loaded is an error like any other", async () => {
  const { made } = program(echo, { commands: { thing: () => Promise.reject(new Error("torn")) } });
  assertEquals((await outcome(made, "thing")).code, EXIT.internal);
});

/** A program of its own, because the test runner ends by SIGINT whoever listens. */
const WAITING = `
import { runProgram } from "${new URL("../../src/base/command_line/program.ts", import.meta.url)}";
const command = { name: "wait", usage: "", summary: "", about: "", options: [], examples: [] };
Deno.exit(await runProgram({
  name: "tool",
  about: "",
  commands: { wait: () => Promise.resolve(command) },
  run(_command, { signal }) {
    const alive = setInterval(() => {}, 1000);
    console.log("waiting");
    return new Promise((resolve) => signal.addEventListener("abort", () => {
      clearInterval(alive);
      resolve(${EXIT.restart});
    }));
  },
}, ["wait"]));
`;

Deno.test("SIGTERM and SIGINT abort the signal of a command, whose exit code counts", async () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    const args = [
      "eval",
      "--quiet",
      "--config",
      fromFileUrl(new URL("../../deno.json", import.meta.url)),
      WAITING,
    ];
    const child = new Deno.Command(Deno.execPath(), { args, stdout: "piped" }).spawn();
    const reader = child.stdout.getReader();
    assertEquals(new TextDecoder().decode((await reader.read()).value), "waiting\n");
    child.kill(signal);
    assertEquals((await child.status).code, EXIT.restart);
    await reader.cancel();
  }
});

Deno.test("the version is told as text and as JSON, by a program that has one", async () => {
  const { made } = program(echo);
  const { code, out } = await outcome(made, "--version");
  assertEquals(code, EXIT.ok);
  assert(out.startsWith(`tool 1.2.3 (deno ${Deno.version.deno}, `), out);
  const { version, commit, deno } = JSON.parse((await outcome(made, "version", "--json")).out);
  assertEquals([version, commit, deno], ["1.2.3", null, Deno.version.deno]);

  const { made: without } = program(echo, { version: undefined });
  assertEquals((await outcome(without, "--version")).code, EXIT.usage);
});

Deno.test("a program that does one thing has a command without a name", async () => {
  const { made: { commands } } = program(echo);
  const command = { ...await commands["thing"]!(), name: "" };
  const { made } = program(echo, { commands: { "": () => Promise.resolve(command) } });
  assertEquals((await outcome(made, "a", "--size", "2")).out, "a");
  assertStringIncludes((await outcome(made, "--help")).out, "Usage: tool THING [OPTIONS]");
  assertStringIncludes((await outcome(made, "--colour")).err, "See: tool --help");
});
