import type { Channel } from "./channel.ts";

/** The other half, as this one sees it: a process that brought the engine down must not look like peace. */
export function engineChannel(isRunning: () => boolean): Channel {
  return {
    name: "engine",
    bits: 0n,
    custom: [],
    health: () => ({
      engine: isRunning() ? { healthy: true, status: "running" } : {
        healthy: false,
        status: "not running",
        lastError: "no engine runs in this home: no process does either",
      },
    }),
  };
}
