import { assertEquals, assertStringIncludes } from "@std/assert";
import { asConnectionError } from "../../src/uplink/connection_error.ts";

const DAY = 86_400_000;

Deno.test("a server's certificate that is not good at this time tells how far the clock is off at least", () => {
  const refused = (words: string) =>
    asConnectionError("p:1", new Error(`client error (Connect): invalid peer certificate: ${words}`));
  const early = refused(
    "certificate not valid yet: verification time 1792022400 (UNIX), but certificate is not valid before " +
      "1795392000 (3369600 seconds in future)",
  );
  assertEquals([early.code, early.facts.clockOffsetBoundMs], ["platform.not-trusted", 39 * DAY]);
  assertStringIncludes(early.message, "this machine's clock says 2026-10-15T00:00:00.000Z");
  assertStringIncludes(early.message, "is good only from 2026-11-23T00:00:00.000Z on");
  assertStringIncludes(early.message, "the clock is behind by about 39 days or more");
  assertStringIncludes(early.remedy!, "Set this machine's clock");

  const late = refused(
    "certificate expired: verification time 1795398600 (UNIX), but certificate is not valid after 1795392000 " +
      "(6600 seconds ago)",
  );
  assertEquals(late.facts.clockOffsetBoundMs, -6_600_000);
  assertStringIncludes(late.message, "the clock is ahead by about 110 minutes or more");

  assertEquals(refused("UnknownIssuer").facts, {});
});
