import type { Channel } from "./channel.ts";

/**
 * The other half, as this one sees it: a process that brought the engine down must not look like peace.
 *
 * @param isRunning true also when there is nothing for an engine to do
 */
export function engineChannel(isRunning: () => boolean): Channel {
  return {
    name: "engine",
    bits: 0n,
    custom: [],
    conditions: () =>
      isRunning()
        ? []
        : [{ code: "engine.not-running", reason: "no engine runs in this home: no process does either" }],
  };
}
