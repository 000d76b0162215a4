import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "fast-check";
import { BUILT_IN_RULES, redactBuiltIn } from "../../src/base/redaction/built_in/mod.ts";
import { compileOwnRule, whyUnusable } from "../../src/base/redaction/own_rules.ts";
import { redactor } from "../../src/base/redaction/redactor.ts";

const PEM = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgevZzL1gdAFr88hb2
OF/2NxApJCzGCEDdfSp6VQO30hyhRANCAAQRWz+jn65BtOMvdyHKcvjBeBSDZH2r
-----END PRIVATE KEY-----`;
const JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U";

/** What is found, as it stands in its text; `before` and `after` stay. */
const FOUND: [name: string, before: string, secret: string, after: string][] = [
  ["card number", "card ", "4111111111111111", " was refused"],
  ["card number", "card ", "4111 1111 1111 1111", "."],
  ["card number", "(", "3782-822463-10005", ")"],
  ["card number", "id=9", "5555555555554444", "77"],
  ["card number", "in data/", "2223003122003222", ".csv"],
  ["card number", "", "6011000990139424", ""],
  ["card number", "nbsp ", "4111\u00a01111\u00a01111\u00a01111", ""],
  ["IBAN", "to ", "DE89370400440532013000", "."],
  ["IBAN", "to ", "GB82 WEST 1234 5698 7654 32", " today"],
  ["IBAN", "x", "no9386011117947", "-1"],
  ["e-mail address", "write to <", "ada.lovelace+x@mail.example.co.uk", ">"],
  ["e-mail address", "", "jürgen@bücher.example", ", please"],
  ["e-mail address", "mail ", "a@b.de", "."],
  ["token", "Authorization: Bearer ", "mF_9.B5f-4.1JqM", ""],
  ["token", "authorization: basic ", "QWxhZGRpbjpvcGVuIHNlc2FtZQ==", '"'],
  ["token", "Basic ", "YTpi", ","],
  ["token", "got ", JWT, " from the service"],
  ["token", "?jwt=x", "eyJhbGciOiJub25lIn0.eyJhIjoxfQ.", "&a=1"],
  ["private key", "key ", PEM, " is bad"],
  ["private key", "key ", PEM.replaceAll("\n", "\\n"), '"'],
  ["private key", "", PEM.replaceAll("PRIVATE", "ENCRYPTED PRIVATE"), ""],
  ["private key", "cut: ", PEM.slice(0, 80), ""],
  ["connection string", "cannot open ", "postgres://app:hunter2@db.example:5432/orders", ": refused"],
  ["connection string", "'", "amqp://u:p/w#d@h", "'"],
  ["connection string", "", "https://token@git.example/repo", " is gone"],
  ["password", "Server=db;User Id=sa;Password=", "correct horse battery", ";Timeout=3"],
  ["password", "Pwd=", "p w", ";Server=db"],
  ["password", "jdbc:mysql://db/x?user=a&password=", "s3cret", "&ssl=1"],
  ["password", '{"password": ', '"with \' and , in it"', "}"],
  ["password", "AccountKey=", "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsu==", ""],
];

for (const [name, before, secret, after] of FOUND) {
  Deno.test(`redaction: ${name} in ${JSON.stringify(before + secret + after).slice(0, 60)}`, () => {
    assertEquals(redactBuiltIn(before + secret + after), `${before}[redacted: ${name}]${after}`);
  });
}

Deno.test("redaction: what only looks like a secret stays", () => {
  const innocent = [
    "4111111111111112", // Luhn's check digit is off
    "1234567890123456", // no scheme begins with 1
    "4111 11 1111 1111 1111", // nobody groups a card number so
    "run 01890a5d-ac96-774b-bcce-b302099a8057 at 2026-01-01T00:00:00.000Z took 1767225600000 ms",
    "DE88370400440532013000", // the remainder is not 1
    "DE8937040044053201300", // too short for Germany
    "XX89370400440532013000", // no such country
    "user@host has no dot, @example.com no user, a@ nothing",
    "Bearer tokens and Basic authentication are refused",
    "v1.eyJ.2",
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    "https://example.com/@scope/package?x=1 and http://127.0.0.1:8443/api",
    "the password is wrong",
    "data/in/orders-2026-01-01.csv vanished before it was read to its end",
  ];
  for (const text of innocent) assertEquals(redactBuiltIn(text), text);
});

Deno.test("redaction: secrets that overlap become one, and those side by side stay two", () => {
  assertEquals(redactBuiltIn("postgres://ada@example.com:x@h/d"), "[redacted: connection string]");
  assertEquals(
    redactBuiltIn("4111111111111111,a@b.de"),
    "[redacted: card number],[redacted: e-mail address]",
  );
});

const digits = (length: number) =>
  fc.string({ unit: fc.constantFrom(..."0123456789"), minLength: length, maxLength: length });

/** Sixteen digits, the last of them by Luhn's formula: every other one doubled, nines cast out, to a multiple of 10. */
const cards = fc.tuple(fc.constantFrom("4", "51", "2300", "6011"), digits(15)).map(([prefix, rest]) => {
  const body = (prefix + rest).slice(0, 15);
  const sum = [...body].reduce(
    (sum, digit, i) => sum + (i % 2 === 1 ? +digit : +digit * 2 - (+digit > 4 ? 9 : 0)),
    0,
  );
  return body + (10 - sum % 10) % 10;
});
const letters = (alphabet: string, minLength: number, maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...alphabet), minLength, maxLength });
const WORD = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/** A secret in the form in which it is written, and the part of it that nobody may see. */
const planted: fc.Arbitrary<{ text: string; secret: string }> = fc.oneof(
  cards.map((card) => ({ text: card, secret: card })),
  cards.map((card) => card.replace(/(\d{4})(?=\d)/g, "$1 ")).map((card) => ({ text: card, secret: card })),
  fc.constantFrom("DE89370400440532013000", "FR14 2004 1010 0505 0001 3M02 606").map((iban) => ({
    text: iban,
    secret: iban,
  })),
  fc.tuple(letters(WORD + "._-", 1, 20), letters(WORD, 1, 20)).map(([user, host]) => ({
    text: `${user}@${host}x.example`,
    secret: `${user}@${host}x.example`,
  })),
  letters(WORD + "-._~+/", 16, 60).map((secret) => ({ text: `Bearer ${secret}`, secret })),
  letters(WORD, 10, 60).map((body) => ({ text: `eyJhb${body}.eyJz${body}.${body}`, secret: `.${body}` })),
  letters(WORD + "+/\n", 60, 200).map((secret) => ({
    text: `-----BEGIN RSA PRIVATE KEY-----\n${secret}\n-----END RSA PRIVATE KEY-----`,
    secret,
  })),
  letters(WORD + "!#$%/?:", 6, 30).map((secret) => ({ text: `mysql://app:${secret}@db/orders`, secret })),
  letters(WORD + " !#$%/@", 8, 30).filter((secret) => secret.trim() === secret).map((secret) => ({
    text: `Server=db;Database=x;Password=${secret};Encrypt=true`,
    secret,
  })),
);
const MARKERS = BUILT_IN_RULES.map(({ name }) => `[redacted: ${name}]`);
const surroundings = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.string({ unit: "grapheme-ascii", maxLength: 12 }) },
    fc.string({ unit: "grapheme", maxLength: 6 }),
    letters("0123456789", 1, 9),
    fc.constantFrom(
      " ",
      "\n",
      "'",
      '"',
      "@",
      "://",
      "[redacted: ",
      "eyJ",
      "-----",
      "-----BEGIN ",
      "password=",
      ";",
    ),
    fc.constantFrom(...MARKERS),
  ),
  { maxLength: 6 },
).map((parts) => parts.join(""));

Deno.test("redaction: a planted secret never survives, whatever stands around it", () => {
  fc.assert(
    fc.property(surroundings, planted, surroundings, (before, { text, secret }, after) => {
      assert(!redactBuiltIn(before + text + after).includes(secret));
    }),
    { numRuns: 3_000 },
  );
});

Deno.test("redaction: redacting again changes nothing", () => {
  const own = [{ name: "customer", pattern: "(?i)\\bcust-?\\d+" }, { name: "x", pattern: "^.|redacted|\\]" }];
  const both = redactor([...BUILT_IN_RULES, ...own.map(compileOwnRule)]);
  for (const redact of [redactBuiltIn, both]) {
    fc.assert(
      fc.property(fc.array(fc.oneof(surroundings, planted.map(({ text }) => text))), (parts) => {
        const once = redact(parts.join(""));
        assertEquals(redact(once), once);
      }),
      { numRuns: 1_000 },
    );
  }
});

Deno.test("redaction: a text without secrets is unchanged", () => {
  const innocent = fc.array(fc.oneof(letters(WORD.slice(0, 52), 1, 15), letters("0123456789", 1, 9)), {
    maxLength: 40,
  }).map((words) => words.join(", "));
  fc.assert(fc.property(innocent, (text) => assertEquals(redactBuiltIn(text), text)));
});

Deno.test("redaction: takes time in proportion to the text, also when it is made to hurt", () => {
  const size = 50_000;
  const hurtful = [
    ..."4@a.:/=;- ", // one character, over and over
    "4 ",
    "a@",
    "://",
    "eyJ",
    "eyJ.",
    "-----BEGIN ",
    "-----BEGIN PRIVATE KEY",
    "Bearer ",
    "password=",
    "no15",
    "a@b.",
    "password=a;b ",
  ].map((unit) => unit.repeat(size / unit.length));
  for (const text of hurtful) {
    const started = performance.now();
    redactBuiltIn(text);
    const ms = performance.now() - started;
    assert(ms < 2_000, `${text.slice(0, 20)}: ${ms} ms`);
  }
});

Deno.test("own rules: are found like the built-in ones, in linear time, and say what is wrong with them", () => {
  const redact = redactor([compileOwnRule({ name: "customer number", pattern: "(?i)\\bcust-\\d{6}\\b" })]);
  assertEquals(redact("for CUST-123456 and cust-1"), "for [redacted: customer number] and cust-1");
  // A backtracking engine needs longer than the universe has for this one.
  redactor([compileOwnRule({ name: "x", pattern: "(a+)+$" })])("a".repeat(1_000) + "!");

  assertEquals(whyUnusable("x+"), undefined);
  assertStringIncludes(whyUnusable("ab(?=c)")!, "at its character 3");
  assertStringIncludes(whyUnusable("ab(?=c)")!, "without bound");
  assertStringIncludes(whyUnusable("(a)\\1")!, "back-references");
  assertStringIncludes(whyUnusable("[")!, "missing closing ]");
  assertStringIncludes(whyUnusable("(a{1000}){1000}")!, "invalid repeat count");
  assertStringIncludes(whyUnusable("x*")!, "everywhere");
  assertThrows(() => compileOwnRule({ name: "x", pattern: "(" }), SyntaxError);
});
