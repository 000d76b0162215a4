import { isoTime } from "../base/clock.ts";
import { usage } from "../base/command_line/command.ts";
import { EXIT } from "../base/exit_codes.ts";
import { MAX_LOG_LEVEL_HOURS } from "../base/limits.ts";
import { openState, prepareHome } from "../agent/home.ts";
import { createLogLevels, USUAL_LEVEL } from "../engine/logs/levels.ts";
import type { LogLevelSetting } from "../engine/logs/levels.ts";
import type { Command } from "./command.ts";
import { levelOf } from "./logs.ts";
import { lengthOf } from "./moment.ts";

/** `sallyport logs level` */
export const logsLevel: Command = {
  name: "logs level",
  usage: "[PROCESS LEVEL]",
  summary: "Let a process say more, or less, in the logs of its runs for a while",
  about:
    `Levels are debug, info, warning and error; without this, every process logs at ${USUAL_LEVEL}. A running run
takes the new level over within seconds. It ends by itself; asking for ${USUAL_LEVEL} ends it at once.
Without words it lists which processes log at another level, and for how long.`,
  options: [
    {
      name: "for",
      value: "TIME",
      summary: `How long: 30m, 24h, 7d (default: 1h; at most ${MAX_LOG_LEVEL_HOURS}h)`,
    },
  ],
  examples: ["sallyport logs level orders debug --for 30m", "sallyport logs level"],
  async run({ words, option, clock, result }) {
    const [process, level] = words;
    if (words.length !== 0 && words.length !== 2) throw usage("a process and a level are needed, or neither");
    const wanted = level === undefined ? undefined : levelOf(level);
    const forMs = lengthOf(option("for") ?? "1h");
    if (forMs === undefined) {
      throw usage(`--for is "${option("for")}", but must be a time such as 30m, 24h or 7d`);
    }
    await prepareHome();
    using db = openState();
    const levels = createLogLevels(db, clock);
    if (process !== undefined && wanted === USUAL_LEVEL) levels.reset(process);
    else if (process !== undefined && wanted !== undefined) {
      levels.set(process, wanted, forMs, "this machine");
    }
    result({ levels: levels.all().map((each) => ({ ...each, until: isoTime(each.until) })) }, asText);
    return EXIT.ok;
  },
};

type Shown = Omit<LogLevelSetting, "until"> & { until: string };

function asText({ levels }: { levels: Shown[] }): string {
  if (levels.length === 0) return `Every process logs at ${USUAL_LEVEL}.`;
  return levels.map(({ process, level, until, by }) => `${process} logs at ${level} until ${until}, by ${by}`)
    .join("\n");
}
