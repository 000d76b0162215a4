import type { ProxyProgram } from "./proxy.ts";
import { firstWordsOf, Proxy } from "./proxy.ts";

/** https://tinyproxy.github.io */
export const tinyproxy: ProxyProgram = {
  name: "tinyproxy",
  async whyNone() {
    if (await firstWordsOf("tinyproxy", "-v") !== undefined) return undefined;
    return "there is no tinyproxy here (Debian: apt-get install tinyproxy-bin)";
  },
  start: (login) =>
    Proxy.run(async (port, folder) => {
      const settings = [
        `Port ${port}`,
        "Listen 127.0.0.1",
        "Timeout 60",
        "MaxClients 50",
        "LogLevel Connect",
        `LogFile "${folder}/log"`,
        ...login ? [`BasicAuth ${login.name} ${login.password}`] : [],
      ];
      await Deno.writeTextFile(`${folder}/tinyproxy.conf`, settings.join("\n") + "\n");
      return { command: "tinyproxy", args: ["-d", "-c", `${folder}/tinyproxy.conf`] };
    }),
};
