/** Orders for the demo: CSV as a real shop exports it, with everything that makes CSV hard, and 1 % broken rows. */
import { join } from "@std/path";

/** The process that reads them. */
export const ORDERS_PROCESS = `process: orders
version: "1"
description: Orders of the web shop, cleaned for the warehouse
trigger: { watch: { settle: 300ms } }
source:
  disk:
    path: orders/in
    glob: "*.csv"
    format: csv
    after: { move: orders/done }
steps:
  - map:
      fields:
        orderId: order_id
        orderedAt: ordered_at
        customer: { from: customer, trim: true }
        country: country
        quantity: { from: quantity, as: integer }
        unitPrice: { from: unit_price, as: number }
        note: note
  - set: { channel: web }
sink:
  disk: { path: orders/out, file: "{source}.ndjson", format: ndjson }
deadLetter: { path: orders/failed }
`;

/** What was generated, counted by its generator and not by the product. */
export interface Generated {
  files: number;
  rows: number;
  broken: number;
  bytes: number;
}

/** Ways in which a row can be broken; each gives the bytes of one record. */
const BREAKAGES: ((good: string[]) => Uint8Array)[] = [
  (cells) => utf8(cells.slice(0, 4).join(",")), // too few columns
  (cells) => utf8([...cells, "surplus", "cells"].join(",")), // too many
  (cells) => utf8(replaced(cells, 4, "a dozen")), // not a number
  (cells) => utf8(replaced(cells, 2, '"Ada"Lovelace')), // text behind a closing quote
  (cells) => {
    const bytes = utf8(replaced(cells, 2, "Jos?"));
    bytes[bytes.indexOf("?".charCodeAt(0))] = 0xe9; // Latin-1 in the middle of UTF-8
    return bytes;
  },
];

const CUSTOMERS = [
  "Ada Lovelace",
  '"Smith, Anna"',
  "王芳",
  "Søren Åkerström",
  '"O""Neil, Pat"',
  "Ñuria López",
  "Zoë 🏰",
];
const NOTES = [
  "",
  "leave at the door",
  '"ring twice,\nthen wait"',
  '"says ""fragile"""',
  "naïve café",
  '"line one\r\nline two"',
];
const COUNTRIES = ["DE", "FR", "ES", "SE", "CN", "US"];

/** How long after one file the next one comes: a shop does not deliver all at once. */
const PAUSE_MS = 400;

/** Writes the files into a folder, one after another, and says what is in them. */
export async function generateOrders(folder: string, rows: number, files: number): Promise<Generated> {
  await Deno.mkdir(folder, { recursive: true });
  const total: Generated = { files: 0, rows: 0, broken: 0, bytes: 0 };
  for (let file = 0; file < files; file++) {
    const parts: Uint8Array[] = [utf8("order_id,ordered_at,customer,country,quantity,unit_price,note\n")];
    const end = Math.floor(rows * (file + 1) / files);
    for (; total.rows < end; total.rows++) {
      const broken = total.rows % 100 === 99;
      const cells = order(total.rows);
      parts.push(
        broken ? BREAKAGES[total.broken % BREAKAGES.length]!(cells) : utf8(cells.join(",")),
        NEWLINE,
      );
      if (broken) total.broken++;
    }
    const content = await new Blob(parts as BlobPart[]).bytes();
    const name = `orders-${String(file + 1).padStart(2, "0")}.csv`;
    // Under a name that the process does not look at, until the file is whole: as any good producer does.
    await Deno.writeFile(join(folder, `.${name}`), content);
    await Deno.rename(join(folder, `.${name}`), join(folder, name));
    total.files++;
    if (file < files - 1) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    total.bytes += content.length;
  }
  return total;
}

function order(n: number): string[] {
  const at = new Date(Date.UTC(2026, 0, 1) + n * 37_000).toISOString();
  const quantity = String(1 + n % 12);
  const price = ((199 + n * 7 % 9_800) / 100).toFixed(2);
  return [`A-${100_000 + n}`, at, pick(CUSTOMERS, n), pick(COUNTRIES, n), quantity, price, pick(NOTES, n)];
}

const NEWLINE = new Uint8Array([10]);
const pick = (list: string[], n: number) => list[n * 7 % list.length]!;
const utf8 = (text: string) => new TextEncoder().encode(text);

function replaced(cells: string[], at: number, cell: string): string {
  return cells.map((each, i) => i === at ? cell : each).join(",");
}
