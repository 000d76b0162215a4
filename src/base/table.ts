import { bold } from "@std/fmt/colors";
import stringWidth from "string-width";

/** A column of a table: its heading, and which way its cells are aligned. */
export interface Column {
  title: string;
  align?: "left" | "right";
}

/** Rows of text under headings, in columns as wide as their widest cell. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map(({ title }, i) =>
    Math.max(stringWidth(title), ...rows.map((row) => stringWidth(row[i] ?? "")))
  );
  const line = (cells: readonly string[], paint: (text: string) => string = (text) => text) =>
    columns.map(({ align }, i) => {
      const cell = cells[i] ?? "";
      const padding = " ".repeat(widths[i]! - stringWidth(cell));
      return align === "right" ? padding + paint(cell) : paint(cell) + padding;
    }).join("  ").trimEnd();
  return [line(columns.map(({ title }) => title), bold), ...rows.map((row) => line(row))].join("\n");
}
