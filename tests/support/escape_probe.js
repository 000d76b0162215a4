// Tries to break out of the agent's permissions, and prints what became of each attempt.
import { createServer } from "node:http";
import { spawnSync } from "node:child_process";

const [platform, otherPort, outside] = Deno.args;
const address = (authority) => ({ hostname: authority.split(":")[0], port: Number(authority.split(":")[1]) });

const attempts = {
  "connect to the platform": () => Deno.connect(address(platform)),
  "write in the home": () => Deno.writeTextFile("data/a", "x"),
  "read in the home": () => Deno.readTextFile("data/a"),
  "connect to another port": () => Deno.connect(address(otherPort)),
  "connect to another host": () => Deno.connect({ hostname: "127.0.0.2", port: address(platform).port }),
  "fetch from another host": () => fetch("https://example.com/"),
  "resolve a name": () => Deno.resolveDns("example.com", "A"),
  "listen": () => Deno.listen({ port: 0 }),
  "listen by node:http": () =>
    new Promise((resolve, reject) => createServer().on("error", reject).listen(0, () => resolve())),
  "read outside": () => Deno.readTextFile(outside),
  "read outside by ..": () => Deno.readTextFile("../outside.txt"),
  "read /etc/passwd": () => Deno.readTextFile("/etc/passwd"),
  "write outside": () => Deno.writeTextFile(outside, "x"),
  "write policy.yaml": () => Deno.writeTextFile("policy.yaml", "x"),
  "write policy.yaml by its whole path": () => Deno.writeTextFile(`${Deno.cwd()}/policy.yaml`, "x"),
  "rename onto policy.yaml": () => Deno.rename("data/a", "policy.yaml"),
  "write ca.pem": () => Deno.writeTextFile("ca.pem", "x"),
  "rename onto ca.pem": () => Deno.rename("data/a", "ca.pem"),
  "link to a folder outside": () => Deno.symlink("/etc", "data/etc"),
  "start a program": () => new Deno.Command("true").output(),
  // This one throws nothing, so it is judged by its effect.
  "start a program by node": async () => {
    spawnSync("touch", ["data/started"]);
    await Deno.stat("data/started");
  },
  "load a library": () => Deno.dlopen("libc.so.6", {}),
  "read the environment": () => String(Deno.env.get("SECRET_OF_THE_ENVIRONMENT")),
  "hostname": () => Deno.hostname(),
};

const results = {};
for (const [name, attempt] of Object.entries(attempts)) {
  try {
    const value = await attempt();
    results[name] = typeof value === "string" && name === "read the environment" ? value : "done";
  } catch (error) {
    results[name] = error.name;
  }
}
console.log(JSON.stringify(results));
Deno.exit(0);
