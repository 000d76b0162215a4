import { green, red } from "@std/fmt/colors";
import { EXIT } from "../base/exit_codes.ts";
import { table } from "../base/table.ts";
import { connectHosts } from "../agent/browsing.ts";
import { platformAddress } from "../agent/platform_address.ts";
import type { Command } from "./command.ts";

type Question = [what: string, descriptor: Deno.PermissionDescriptor, expected: boolean];

/** One thing that this program may or may not do, as the runtime itself answers. */
interface Answer {
  what: string;
  allowed: boolean;
  expected: boolean;
}

export const permissions: Command = {
  name: "permissions",
  usage: "",
  summary: "Show what this program can do, as the runtime that confines it answers",
  about: `The permissions are baked into the executable and cannot be widened: not by the platform, not by a
process, not by a configuration file. This command asks the runtime about each, one by one. It ends with
exit code 8 when one differs from what a Sallyport executable should have, as in a run from source with
other flags.`,
  options: [],
  examples: ["sallyport permissions", "sallyport permissions --json"],
  async run(context) {
    const platform = await platformAddress();
    const connect = await connectHosts();
    const answers = await ask(platform, connect);
    const asExpected = answers.every(({ allowed, expected }) => allowed === expected);
    context.result({ platform: platform ?? null, connect, home: Deno.cwd(), asExpected, answers }, () => {
      const rows = answers.map(({ what, allowed, expected }) => [
        what,
        allowed ? "yes" : "no",
        allowed === expected ? green("as it should be") : red(`should be ${expected ? "yes" : "no"}`),
      ]);
      return table([{ title: "May it ..." }, { title: "Answer" }, { title: "" }], rows);
    });
    return asExpected ? EXIT.ok : EXIT.failed;
  },
};

async function ask(platform: string | undefined, connect: readonly string[]): Promise<Answer[]> {
  const state = async (descriptor: Deno.PermissionDescriptor) =>
    (await Deno.permissions.query(descriptor)).state;
  const connecting = (host: string, what: string): Question => [what, { name: "net", host }, true];
  const questions: Question[] = [
    ...platform === undefined ? [] : [connecting(platform, `connect to ${platform}`)],
    ...connect.map((host) => connecting(host, `connect to ${host}, to browse it (the engine only)`)),
    ["connect to any other address", { name: "net" }, false],
    ["connect to example.com:443", { name: "net", host: "example.com:443" }, false],
    ["listen on a port", { name: "net", host: "0.0.0.0:8080" }, false],
    [`read its home, ${Deno.cwd()}`, { name: "read", path: "." }, true],
    ["read outside its home", { name: "read", path: ".." }, false],
    ["write data/ in its home", { name: "write", path: "data" }, true],
    ["write policy.yaml", { name: "write", path: "policy.yaml" }, false],
    ["write ca.pem", { name: "write", path: "ca.pem" }, false],
    ["write connections.yaml", { name: "write", path: "connections.yaml" }, false],
    ["write secrets/ in its home", { name: "write", path: "secrets" }, false],
    ["write outside its home", { name: "write", path: ".." }, false],
    ["start another program", { name: "run" }, false],
    ["load native code", { name: "ffi" }, false],
    ["look at the system", { name: "sys" }, false],
  ];
  return await Promise.all(questions.map(async ([what, descriptor, expected]) => ({
    what,
    allowed: await state(descriptor) === "granted",
    expected,
  })));
}
