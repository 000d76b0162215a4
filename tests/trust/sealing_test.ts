import { assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { utf8 } from "../../src/base/encoding.ts";
import { SallyportError } from "../../src/base/errors.ts";
import { generateSealingKeys, openSealed, seal, SEALING_BYTES } from "../../src/trust/sealing.ts";

const { keys, publicKey } = await generateSealingKeys();
const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => new Uint8Array(array));

Deno.test("what is sealed comes out at the other end, and so does the answer", async () => {
  await fc.assert(
    fc.asyncProperty(bytes, bytes, fc.string(), async (question, answer, context) => {
      const sealed = await seal(publicKey, context, question);
      assertEquals(sealed.body.length, question.length + SEALING_BYTES);
      const opened = await openSealed(keys, context, sealed.body);
      assertEquals(opened.body, question);
      assertEquals(await sealed.openAnswer(await opened.sealAnswer(answer)), answer);
    }),
    { numRuns: 30 },
  );
});

Deno.test("a message opens with no other key, for no other context, and not when a bit of it changed", async () => {
  const { body } = await seal(publicKey, "agent 1", utf8("what only the platform may read"));
  const other = await generateSealingKeys();
  await assertRejects(
    () => openSealed(other.keys, "agent 1", body),
    SallyportError,
    "not sealed to this key",
  );
  await assertRejects(() => openSealed(keys, "agent 2", body), SallyportError);
  for (const length of [0, 64, 65, 80]) {
    await assertRejects(() => openSealed(keys, "agent 1", body.slice(0, length)), SallyportError);
  }
  await fc.assert(
    fc.asyncProperty(fc.nat(body.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
      const changed = body.slice();
      changed[at]! ^= flip;
      await assertRejects(() => openSealed(keys, "agent 1", changed), SallyportError);
    }),
    { numRuns: 50 },
  );
});

Deno.test("an answer opens only with the message that it answers, and is never sealed the same way twice", async () => {
  const [one, two] = [await seal(publicKey, "", utf8("one")), await seal(publicKey, "", utf8("two"))];
  const opened = await openSealed(keys, "", one.body);
  const answer = await opened.sealAnswer(utf8("yes"));
  await assertRejects(() => two.openAnswer(answer), SallyportError, "not sealed for this message");
  await assertRejects(() => one.openAnswer(answer.slice(0, 5)), SallyportError);
  assertNotEquals(answer, await opened.sealAnswer(utf8("yes")));
});
