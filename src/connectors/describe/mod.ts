import { csvDescriber } from "./csv.ts";
import type { Describer } from "./describer.ts";
import { jsonDescriber, ndjsonDescriber } from "./json.ts";
import { xmlDescriber } from "./xml.ts";

/** Every format whose fields can be told. */
const DESCRIBERS = [
  csvDescriber,
  jsonDescriber,
  ndjsonDescriber,
  xmlDescriber,
] as unknown as readonly Describer[];

/** The describer for a file, by the ending of its name. */
export function describerOf(name: string): Describer | undefined {
  const ending = /\.([^.]+)$/.exec(name)?.[1]?.toLowerCase();
  return DESCRIBERS.find(({ endings }) => ending !== undefined && endings.includes(ending));
}
