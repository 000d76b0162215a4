import { dim } from "@std/fmt/colors";
import { usage } from "../base/command_line/command.ts";
import { EXIT } from "../base/exit_codes.ts";
import { connectHosts } from "../agent/browsing.ts";
import type { Half } from "../agent/home.ts";
import { serviceUnit } from "../agent/service_units.ts";
import type { Command } from "./command.ts";

const HALVES: readonly Half[] = ["gatehouse", "engine"];

export const servicePrint: Command = {
  name: "service print",
  usage: "",
  summary: "Print the systemd services of this home, one for each half of the agent",
  about:
    `The gatehouse has the network and no data; the engine has the data and no network: the kernel sees to it.
Both start with a clean environment, without the variables by which TLS could be weakened from outside. This
program may write nothing outside its home, so it prints: an administrator puts the files into place, and then
starts them: systemctl daemon-reload && systemctl enable --now sallyport-gatehouse sallyport-engine`,
  options: [
    { name: "half", value: "HALF", summary: "Only this service: gatehouse or engine" },
    { name: "user", value: "NAME", summary: "The user who owns this home (default: sallyport)" },
  ],
  examples: [
    "sallyport service print",
    "sallyport service print --half gatehouse | sudo tee /etc/systemd/system/sallyport-gatehouse.service",
    "sallyport service print --half engine | sudo tee /etc/systemd/system/sallyport-engine.service",
  ],
  async run(context) {
    const half = context.option("half");
    if (half !== undefined && !HALVES.includes(half as Half)) {
      throw usage(`--half is "${half}", but it must be gatehouse or engine`);
    }
    const user = context.option("user") ?? "sallyport";
    if (!/^[a-z_][a-z0-9_-]{0,31}$/i.test(user)) throw usage(`"${user}" is no name of a user`);
    const home = Deno.cwd();
    const connect = await connectHosts();
    const units = HALVES.filter((each) => half === undefined || each === half)
      .map((each) => serviceUnit(each, { home, user, connect }));
    context.result(
      { units },
      () =>
        units.length === 1
          ? units[0]!.text.trimEnd()
          : units.map(({ name, text }) => `${dim(`# /etc/systemd/system/${name}`)}\n${text}`).join("\n")
            .trimEnd(),
    );
    return EXIT.ok;
  },
};
