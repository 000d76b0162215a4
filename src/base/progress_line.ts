import type { Clock } from "./clock.ts";
import { utf8 } from "./encoding.ts";

const PROGRESS_MS = 200;

/** One line on standard error that is written over and over: for a person at a terminal only. */
export function progressLine({ clock, json }: { clock: Clock; json: boolean }) {
  const shown = !json && Deno.stderr.isTerminal();
  const write = (text: string) => shown && Deno.stderr.writeSync(utf8(`\r\x1b[2K${text}`));
  let last = -Infinity;
  return {
    show(text: () => string) {
      if (!shown || clock.monotonic() - last < PROGRESS_MS) return;
      last = clock.monotonic();
      write(text());
    },
    clear: () => void write(""),
  };
}
