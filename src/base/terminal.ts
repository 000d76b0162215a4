import { setColorEnabled } from "@std/fmt/colors";

/** Colours only for a person: not when piped, and not under `NO_COLOR` (https://no-color.org). */
export function useColourOnTerminalsOnly(): void {
  setColorEnabled(Deno.stdout.isTerminal() && !Deno.noColor);
}

/** Control characters of text that came from outside, made visible, so that it cannot drive the terminal. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

/** What was found and what to do about it, below a title. Both may come from outside and have several lines. */
export function finding(title: string, reason: string, remedy?: string): string {
  const lines = [...reason.split("\n"), ...remedy === undefined ? [] : [`What to do: ${remedy}`]];
  return [title, ...lines.map((line) => `  ${printable(line)}`)].join("\n");
}
