import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { query, queryOne } from "../../src/base/sqlite.ts";
import type { LedgerEntry } from "../../src/ledger/entry.ts";
import { ENTRY_KINDS, entryHash } from "../../src/ledger/entry.ts";
import type { Fault } from "../../src/ledger/fault.ts";
import { Pruning } from "../../src/ledger/pruning.ts";
import { decodeStatement } from "../../src/ledger/statement.ts";
import type { Knowledge } from "../../src/ledger/verify.ts";
import { CA, SIGNERS, TestLedger } from "./support.ts";

/** What may happen to a ledger in a life; each number is a choice of the action itself. */
type Action = [kind: "send" | "beat" | "acknowledge" | "checkpoint" | "renew" | "wait", choice: number];

const actions: fc.Arbitrary<Action[]> = fc.array(
  fc.tuple(
    fc.constantFrom<Action[0]>(
      "send",
      "send",
      "send",
      "beat",
      "beat",
      "acknowledge",
      "checkpoint",
      "renew",
      "wait",
    ),
    fc.nat(1_000),
  ),
  { minLength: 3, maxLength: 25 },
);
/** A place that is chosen when it is known how many there are. */
const place = fc.nat(10_000);

const LIMITS = { ageMs: 3 * 86_400_000, bytes: 60 };
const KNOWN: Knowledge = { certificates: [CA] };

/** A ledger that has lived. */
function lived(story: readonly Action[]): TestLedger {
  const t = new TestLedger();
  const keeper = t.keeper({ limits: LIMITS });
  let sent = 0;
  let signer = 0;
  for (const [what, choice] of story) {
    switch (what) {
      case "send":
        sent = t.send("x".repeat(1 + choice % 40), ["tracking", "status", "logs"][choice % 3]);
        break;
      case "beat":
        t.beat(1 + choice % 5, 1_000);
        break;
      case "acknowledge":
        if (sent > 0) t.ledger.acknowledge(1 + choice % sent);
        break;
      case "checkpoint":
        keeper.stop();
        break;
      case "renew":
        signer = 1 - signer;
        keeper.introduce(SIGNERS[signer]!.certificate);
        t.signer = SIGNERS[signer]!;
        break;
      case "wait":
        t.pass(choice * 300_000);
    }
  }
  for (const _step of new Pruning(t.db, LIMITS).remove(prunedOf(t)));
  return t;
}

/** Lets a ledger live, changes it, and says what has to be found; undefined when the change was none. */
function foundAfter(
  change: (t: TestLedger, place: number, choice: number) => Partial<Fault> | undefined,
  runs = 60,
): void {
  fc.assert(
    fc.property(actions, place, fc.nat(1_000), (story, place, choice) => {
      using t = lived(story);
      assertEquals(t.verify(KNOWN).fault, undefined);
      const expected = change(t, place, choice);
      fc.pre(expected !== undefined);
      const { fault } = t.verify(KNOWN);
      assert(fault, "nothing was found");
      for (const [key, value] of Object.entries(expected)) {
        assertEquals(fault![key as keyof Fault], value, fault!.reason);
      }
    }),
    { numRuns: runs },
  );
}

const entriesOf = (t: TestLedger) => query<LedgerEntry>(t.db, "SELECT * FROM ledger ORDER BY number")();
const pick = <T>(list: readonly T[], place: number): T | undefined => list[place % Math.max(1, list.length)];

const COLUMNS: Record<string, (old: unknown, choice: number) => string | number | null> = {
  kind: (old, choice) => ENTRY_KINDS.filter((kind) => kind !== old)[choice % 2]!,
  time: (old, choice) => Number(old) + choice + 1,
  until: (old, choice) => old === null ? choice : choice % 2 === 0 ? null : Number(old) + choice + 1,
  class: (old) => `${old}x`,
  records: (old) => String(old).slice(1),
  count: (old, choice) => old === null ? choice : choice % 2 === 0 ? null : Number(old) + choice + 1,
  bytes: (old, choice) => Number(old) + choice + 1,
  sha256: (old) => flipped(String(old)),
  policy: (old) => flipped(String(old)),
  previous: (old) => flipped(String(old)),
  hash: (old) => flipped(String(old)),
};
const flipped = (hex: string) => hex.startsWith("0") ? `1${hex.slice(1)}` : `0${hex.slice(1)}`;

Deno.test("tampering: an entry of which any field was changed is found and named", () => {
  const columns = Object.entries(COLUMNS);
  const tested = new Set<string>();
  foundAfter((t, place, choice) => {
    const entry = pick(entriesOf(t), place)!;
    const { number } = entry;
    const [column, edit] = pick(columns, choice)!;
    tested.add(column);
    t.tamper("");
    t.db.prepare(`UPDATE ledger SET ${column} = ? WHERE number = ?`)
      .run(edit(entry[column as keyof LedgerEntry], choice), number);
    return { what: "edited", number };
  }, 200);
  assertEquals(tested.size, columns.length);
});

Deno.test("tampering: a removed entry is found and named, also the last when only its row was removed", () =>
  foundAfter((t, place) => {
    const all = entriesOf(t);
    const { number } = pick(all, place)!;
    t.tamper(`DELETE FROM ledger WHERE number = ${number}`);
    return { what: number === all.length ? "truncated" : "removed", number };
  }));

Deno.test("tampering: entries that changed places are found, and the first of them named", () =>
  foundAfter((t, place, choice) => {
    const [a, b] = [pick(entriesOf(t), place)!, pick(entriesOf(t), choice)!].sort((x, y) =>
      x.number - y.number
    );
    if (a!.number === b!.number) return undefined;
    const move = (from: number, to: number) =>
      ["ledger", "ledger_bodies", "ledger_signatures"].map((table) =>
        `UPDATE ${table} SET number = ${to} WHERE number = ${from};`
      ).join("");
    t.tamper(move(a!.number, -1) + move(b!.number, a!.number) + move(-1, b!.number));
    return { what: "moved", number: a!.number };
  }));

Deno.test("tampering: an entry that was copied to the end is found and named", () =>
  foundAfter((t, place) => {
    const all = entriesOf(t);
    const { number } = pick(all, place)!;
    t.tamper(
      `INSERT INTO ledger SELECT ${all.length + 1}, kind, time, until, class, records, count, bytes, sha256,
         policy, previous, hash FROM ledger WHERE number = ${number};
       INSERT INTO ledger_bodies SELECT ${all.length + 1}, body FROM ledger_bodies WHERE number = ${number}`,
    );
    return { what: "moved", number: all.length + 1 };
  }));

Deno.test("tampering: a body that was changed, cut, lengthened or removed is found and named", () =>
  foundAfter((t, place, choice) => {
    const kept = query<{ number: number; body: Uint8Array }>(
      t.db,
      "SELECT * FROM ledger_bodies ORDER BY number",
    )();
    const { number, body } = pick(kept, place)!;
    const prunedThrough = prunedOf(t);
    const kind = entriesOf(t)[number - 1]!.kind;
    const changed = new Uint8Array(body);
    changed[choice % changed.length]! ^= 1 + choice % 255;
    const set = t.db.prepare("UPDATE ledger_bodies SET body = ? WHERE number = ?");
    switch (choice % 4) {
      case 0:
        set.run(changed, number);
        break;
      case 1:
        set.run(body.subarray(1), number);
        break;
      case 2:
        set.run(new Uint8Array([...body, choice % 256]), number);
        break;
      case 3:
        if (kind === "payload" && number <= prunedThrough) return undefined; // as if it had been pruned
        t.db.prepare("DELETE FROM ledger_bodies WHERE number = ?").run(number);
    }
    return { what: "body", number };
  }));

const prunedOf = (t: TestLedger) => {
  return decodeStatement(t.reader.lastStatement()!).prunedThrough;
};

Deno.test("tampering: a receipt that was changed or removed is found and named", () =>
  foundAfter((t, place, choice) => {
    const all = [...t.reader.receipts()];
    const one = pick(all, place);
    if (!one) return undefined;
    const { receipt } = one;
    const set = (sql: string, value: string | number) =>
      void t.db.prepare(`UPDATE ledger_receipts SET ${sql} = ? WHERE receipt = ?`).run(value, receipt);
    t.tamper("");
    const unused = entriesOf(t).map(({ number }) => number).filter((n) =>
      !all.some(({ number }) => number === n)
    );
    switch (choice % 4) {
      case 0:
        set("time", one.time + 1 + choice);
        break;
      case 1:
        set("hash", flipped(one.hash));
        break;
      case 2:
        if (unused.length === 0) return undefined;
        set("number", pick(unused, choice)!);
        break;
      case 3:
        // The last ones are not protected by anything before a checkpoint has counted them.
        if (receipt > countedReceipts(t)) return undefined;
        t.db.prepare("DELETE FROM ledger_receipts WHERE receipt = ?").run(receipt);
    }
    return { what: "receipt", receipt };
  }));

const countedReceipts = (t: TestLedger) => {
  return decodeStatement(t.reader.lastStatement()!).receipts.count;
};

Deno.test("tampering: a signature or a certificate that was changed or removed is found and named", () =>
  foundAfter((t, place, choice) => {
    const checkpoints = entriesOf(t).filter(({ kind }) => kind === "checkpoint");
    const { number } = pick(checkpoints, place)!;
    if (choice % 3 === 0) {
      t.db.exec(`DELETE FROM ledger_signatures WHERE number = ${number}`);
      return { what: "signature", number };
    }
    if (choice % 3 === 1) {
      const signature = new Uint8Array(
        queryOne<{ signature: Uint8Array }>(t.db, "SELECT signature FROM ledger_signatures WHERE number = ?")(
          number,
        )!
          .signature,
      );
      signature[choice % signature.length]! ^= 1 + choice % 255;
      t.db.prepare("UPDATE ledger_signatures SET signature = ? WHERE number = ?").run(signature, number);
      return { what: "signature", number };
    }
    const { since, fingerprint } = pick(t.verify(KNOWN).keys, place)!;
    if (choice % 2 === 0) {
      t.db.prepare("DELETE FROM ledger_certificates WHERE fingerprint = ?").run(fingerprint);
    } else {
      const sql = "UPDATE ledger_certificates SET certificate = ? WHERE fingerprint = ?";
      t.db.prepare(sql).run(SIGNERS[2].certificate, fingerprint);
    }
    return { what: "certificate", number: since };
  }));

Deno.test("tampering: a chain that was written anew is found at the first checkpoint behind the change", () =>
  foundAfter((t, place) => {
    const all = entriesOf(t);
    const changed = pick(all, place)!;
    rewrite(t, changed.number, { records: `${changed.records}!` });
    const checkpoint = all.find(({ number, kind }) => kind === "checkpoint" && number >= changed.number);
    return checkpoint && { what: "signature", number: checkpoint.number };
  }));

Deno.test("tampering: an entry that was exchanged for one with a right hash is found by the entry behind it", () =>
  foundAfter((t, place) => {
    const changed = pick(entriesOf(t), place)!;
    const { number, kind } = changed;
    rewrite(t, number, { records: `${changed.records}!` }, number);
    if (kind === "checkpoint") return { what: "signature", number };
    return t.reader.newest(1)[0]!.number > number ? { what: "moved", number: number + 1 } : undefined;
  }));

Deno.test("tampering: an entry that states another size than its body has is found, whatever its hash says", () =>
  foundAfter((t, place) => {
    const { checkpoints } = t.verify(KNOWN);
    const changed = pick(entriesOf(t).filter(({ number }) => number > checkpoints.last), place);
    if (!changed) return undefined;
    rewrite(t, changed.number, { bytes: changed.bytes + 1 });
    return { what: "body", number: changed.number };
  }));

Deno.test("tampering: behind the last checkpoint, a chain written anew or cut is found by a hash noted elsewhere, and not without", () => {
  let tested = 0;
  fc.assert(
    fc.property(actions, place, fc.boolean(), (story, place, cut) => {
      using t = lived(story);
      const all = entriesOf(t);
      const { head, checkpoints } = t.verify(KNOWN);
      const open = all.filter(({ number }) => number > checkpoints.last && number <= head.number);
      const target = pick(open, place);
      fc.pre(target !== undefined);
      const { number } = target!;
      if (cut) {
        const tables = ["ledger", "ledger_bodies", "ledger_signatures"];
        t.tamper(tables.map((table) => `DELETE FROM ${table} WHERE number >= ${number};`).join(""));
        t.db.exec(`DELETE FROM ledger_receipts WHERE receipt >= coalesce(
          (SELECT min(receipt) FROM ledger_receipts WHERE number >= ${number}), 1e9)`);
        fc.pre([...t.reader.receipts()].length >= countedReceipts(t));
      } else rewrite(t, number, { records: `${target!.records}!` });
      assertEquals(t.verify(KNOWN).fault, undefined);
      const noted = t.verify({ ...KNOWN, noted: [head] }).fault;
      assertEquals([noted?.what, noted?.number], cut ? ["truncated", number] : ["rewritten", head.number]);
      assertEquals(t.verify({ ...KNOWN, noted: [{ hash: head.hash }] }).fault?.what, "truncated");
      tested++;
    }),
    { numRuns: 60 },
  );
  assert(tested > 20);
});

/** Changes an entry and computes anew the hashes from it through another, as who knows the format would. */
function rewrite(t: TestLedger, from: number, changes: Partial<LedgerEntry>, through = Infinity): void {
  t.tamper("");
  const set = t.db.prepare(
    "UPDATE ledger SET records = ?, bytes = ?, previous = ?, hash = ? WHERE number = ?",
  );
  let previous: string | undefined;
  for (const old of entriesOf(t).slice(from - 1).filter(({ number }) => number <= through)) {
    const fields = { ...old, ...old.number === from ? changes : {}, previous: previous ?? old.previous };
    const hash = entryHash(fields);
    set.run(fields.records, fields.bytes, fields.previous, hash, fields.number);
    previous = hash;
  }
}
