import { MAX_TABLE_PARTS } from "../../base/limits.ts";
import type { SchemaPart, ValueType } from "../../protocol/payloads/schema.ts";
import { namesOf } from "../browse/parts.ts";

/** The elements of a list. */
export const ELEMENT = "[]";
/** In the place of names that look like values. */
const ANY_NAME = "*";

/** An object with more names than this is a table of its own, and its names are keys of rows. */
const MAX_NAMES = 100;
/** Deeper fields are not told. */
const MAX_DEPTH = 32;

/** A field, and what was found in its place. */
export class Field {
  readonly types = new Set<ValueType>();
  readonly children = new Map<string, Field>();
  /** How many objects were read to their end here. */
  objects = 0;
  /** In how many objects it stood. */
  present = 0;
  readonly #depth: number;

  constructor(depth = 0) {
    this.#depth = depth;
  }

  /** The field of a name below this one. */
  child(name: string): Field {
    const key = name === ELEMENT || isNameLike(name) ? name : ANY_NAME;
    const there = this.children.get(key) ?? this.children.get(ANY_NAME);
    if (there) return there;
    if (this.children.size >= MAX_NAMES) return this.#collapse();
    const made = new Field(this.#depth + 1);
    if (this.#depth < MAX_DEPTH) this.children.set(key, made);
    return made;
  }

  /** All fields below this one become one. */
  #collapse(): Field {
    const all = new Field(this.#depth + 1);
    for (const field of this.children.values()) all.#take(field);
    this.children.clear();
    this.children.set(ANY_NAME, all);
    return all;
  }

  #take(other: Field): void {
    for (const type of other.types) this.types.add(type);
    this.objects += other.objects;
    this.present += other.present;
    for (const [name, field] of other.children) this.child(name).#take(field);
  }
}

/**
 * Whether a name was given by whoever made the format, as far as its form tells. Keys such as 4711, ada@example.com or
 * a UUID are values that stand in the place of names.
 */
export function isNameLike(name: string): boolean {
  return /^[@#$_]?[\p{L}_][\p{L}\p{M}\p{N}_.:/$ ()%#-]{0,79}$/u.test(name) &&
    !/\d{5}|^[0-9a-f-]{12,}$/i.test(name);
}

/** What was found below a field, as records; the outermost first. */
export function fieldRecords(root: Field, parent: readonly string[]): SchemaPart[] {
  const records: SchemaPart[] = [];
  const place = namesOf(parent);
  const visit = (field: Field, path: readonly string[], optional: boolean) => {
    if (records.length > MAX_TABLE_PARTS) return;
    if (path.length > 0) {
      records.push({
        kind: "field",
        parent: place,
        path: namesOf(path),
        types: typesOf(field.types),
        ...optional ? { optional: true as const } : {},
      });
    }
    for (const [name, child] of field.children) {
      const rare = name === ANY_NAME || (name !== ELEMENT && child.present < field.objects);
      visit(child, [...path, name], rare);
    }
  };
  visit(root, [], false);
  return records;
}

/** Every integer is a number. */
function typesOf(types: ReadonlySet<ValueType>): ValueType[] {
  return [...types].filter((type) => type !== "integer" || !types.has("number")).sort();
}
