import { MAX_COMMENT_CHARS, MAX_NAME_CHARS, MAX_SCHEMA_NAMES } from "../../base/limits.ts";

/** What stands at the end of a text that was too long. */
const CUT = "…";

/** A name or a type in the form in which it stands in a record: never empty, and bounded. */
export function nameOf(text: string): string {
  return clip(text, MAX_NAME_CHARS) || "(no name)";
}

/**
 * The name of a column. One of a view that was given none is called by its expression, in which a value may stand; so
 * it is called that.
 */
export function columnName(name: string, of: "table" | "view"): string {
  return of === "view" && /['"(]/.test(name) ? "(expression)" : nameOf(name);
}

/** A comment or a default value, bounded. */
export function commentOf(text: string): string {
  return clip(text, MAX_COMMENT_CHARS);
}

/** Names in a list of a record. */
export function namesOf(names: readonly string[]): string[] {
  return names.slice(0, MAX_SCHEMA_NAMES).map(nameOf);
}

/** The labels of an enumeration. */
export function labelsOf(labels: readonly string[]): string[] {
  return labels.slice(0, MAX_SCHEMA_NAMES).map((label) => clip(label, MAX_NAME_CHARS));
}

/** A field of a record that is only there when it has a value. */
export function given<K extends string, V>(key: K, value: V | null | undefined): { [k in K]?: V } {
  return value === null || value === undefined ? {} : { [key]: value } as { [k in K]?: V };
}

function clip(text: string, max: number): string {
  const whole = text.toWellFormed();
  return whole.length <= max ? whole : `${whole.slice(0, max - 1).toWellFormed()}${CUT}`;
}

/** Whether names stand behind others, in the order of their code units, the outermost first. */
export function isBehind(names: readonly string[], after: readonly string[] | undefined): boolean {
  if (after === undefined) return true;
  for (const [i, name] of names.entries()) {
    const other = after[i];
    if (other === undefined || name > other) return true;
    if (name < other) return false;
  }
  return false;
}
