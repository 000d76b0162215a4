import type { AgentProgram } from "../../scripts/lib/agent_process.ts";

/** Debian's package `faketime`: a library that moves the clock of one process, and of nothing else. */
const LIBRARIES = ["x86_64-linux-gnu", "aarch64-linux-gnu"]
  .map((machine) => `/usr/lib/${machine}/faketime/libfaketimeMT.so.1`);

/** The library that moves a process's clock, or undefined. */
export function findFaketime(): string | undefined {
  return LIBRARIES.find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });
}

/** A program under a wall clock that is off by so many hours; its monotonic clock is as it is. */
export function withClockOff({ command, args }: AgentProgram, hours: number): AgentProgram {
  const settings = [`LD_PRELOAD=${findFaketime()}`, `FAKETIME=${hours < 0 ? "" : "+"}${hours}h`];
  return { command: "env", args: [...settings, "FAKETIME_DONT_FAKE_MONOTONIC=1", command, ...args] };
}
