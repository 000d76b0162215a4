import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { SallyportError } from "../../src/base/errors.ts";
import type { EnrolmentBundle } from "../../src/trust/bundle.ts";
import { decodeBundle, encodeBundle } from "../../src/trust/bundle.ts";

const bundle: EnrolmentBundle = {
  platform: "platform.example.com:443",
  ca: "public",
  proofKey: "A".repeat(122),
  secret: "s".repeat(43),
  expires: "2026-12-01T00:00:00.000Z",
};
const text = encodeBundle(bundle);

Deno.test("a bundle survives its way through a terminal that breaks lines", () => {
  const broken = text.match(/.{1,60}/g)!.join("\r\n   ") + "\n";
  assertEquals(decodeBundle(broken), bundle);
});

Deno.test("any changed character is found", () => {
  fc.assert(fc.property(fc.nat(text.length - 1), fc.constantFrom(..."ABCxyz019-_."), (at, char) => {
    fc.pre(text[at] !== char);
    assertThrows(() => decodeBundle(text.slice(0, at) + char + text.slice(at + 1)), SallyportError);
  }));
});

Deno.test("a cut bundle is found, wherever it was cut", () => {
  for (let at = 0; at < text.length; at++) {
    assertThrows(() => decodeBundle(text.slice(0, at)), SallyportError);
  }
});

Deno.test("what is wrong is named", () => {
  const reasonOf = (bad: string): string => {
    const error: SallyportError = assertThrows(() => decodeBundle(bad), SallyportError);
    assertEquals(error.code, "bundle.damaged");
    assert(error.remedy);
    return error.message;
  };
  assert(reasonOf("hello").includes('begins with "hello"'));
  assert(reasonOf("sallyport1.abc").includes("three parts"));
  assert(reasonOf(text.slice(0, -1) + "?").includes("checksum"));
  assert(reasonOf("x".repeat(20_000)).includes("more than"));
});

Deno.test("a bundle with a field that is not valid cannot be made", () => {
  assertThrows(() => encodeBundle({ ...bundle, platform: "https://platform.example.com/" }));
});
