/** The labels of a type such as `enum('a','it''s')`. */
export function enumLabels(type: string): string[] {
  return [...type.matchAll(/'((?:[^']|'')*)'/g)].map(([, label]) => label!.replaceAll("''", "'"));
}
