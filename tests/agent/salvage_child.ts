/** Opens the state database of the home given as a start of the gatehouse does, says so, and ends. */
import { prepareHome } from "../../src/agent/home.ts";
import { openSoundState } from "../../src/agent/salvage/open.ts";
import { systemClock } from "../../src/base/clock.ts";
import type { Log } from "../../src/base/log.ts";
import { createLog } from "../../src/base/log.ts";

Deno.chdir(Deno.args[0]!);
await prepareHome();
const log: Log = createLog({ clock: systemClock, format: "json", level: "debug" });
using _opened = await openSoundState("gatehouse", { clock: systemClock, log }, new AbortController().signal);
log.info("opened");
