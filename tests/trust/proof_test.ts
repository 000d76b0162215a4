import { assertEquals } from "@std/assert";
import { generateKeyPair } from "../../src/trust/keys.ts";
import type { ProofSubject } from "../../src/trust/proof.ts";
import { signProof, verifyProof } from "../../src/trust/proof.ts";

const subject: ProofSubject = {
  authority: "platform.example.com:443",
  challenge: "c".repeat(43),
  clientFingerprint: "ab".repeat(32),
  time: 1_767_225_600_000,
};

Deno.test("a proof holds for exactly what was signed, by exactly the pinned key", async () => {
  const keys = await generateKeyPair();
  const spki = new Uint8Array(await crypto.subtle.exportKey("spki", keys.publicKey));
  const other = new Uint8Array(await crypto.subtle.exportKey("spki", (await generateKeyPair()).publicKey));
  const signature = await signProof(keys.privateKey, subject);

  assertEquals(await verifyProof(spki, subject, signature), true);
  assertEquals(await verifyProof(other, subject, signature), false);
  const changes: Partial<ProofSubject>[] = [
    { authority: "other.example.com:443" },
    { challenge: "d".repeat(43) },
    { clientFingerprint: "cd".repeat(32) },
    { time: subject.time + 1 },
  ];
  for (const change of changes) {
    assertEquals(await verifyProof(spki, { ...subject, ...change }, signature), false);
  }
});
