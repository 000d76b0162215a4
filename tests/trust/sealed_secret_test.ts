import { assert, assertEquals, assertRejects } from "@std/assert";
import { isSealed, openSecret, sealSecret } from "../../src/trust/sealed_secret.ts";
import { generateSealingKeys, sealingKeysFromPem, sealingKeyText } from "../../src/trust/sealing.ts";
import { generateKeyPair, privateKeyToPem } from "../../src/trust/keys.ts";

Deno.test("a sealed secret is one line, opens with the key and the name it was sealed for, and no other", async () => {
  const [{ keys }, { keys: others }] = [await generateSealingKeys(), await generateSealingKeys()];
  const key = await sealingKeyText(keys);
  const sealed = await sealSecret(`${key}\n`, "shop", "pass wörd");
  assert(isSealed(sealed) && /^[\w:-]+$/.test(sealed));
  assertEquals(isSealed("pass wörd"), false);
  const restored = await sealingKeysFromPem(await privateKeyToPem(keys.privateKey));
  assertEquals(await openSecret(restored, "shop", sealed), "pass wörd");
  assert(await sealSecret(key, "shop", "pass wörd") !== sealed);

  const changed = sealed.slice(0, -2) + (sealed.endsWith("AA") ? "BB" : "AA");
  await assertRejects(() => openSecret(others, "shop", sealed));
  await assertRejects(() => openSecret(keys, "other", sealed));
  await assertRejects(() => openSecret(keys, "shop", changed));
  await assertRejects(() => openSecret(keys, "shop", sealed.slice(0, 60)));
});

Deno.test("a secret is not sealed to what is no key", async () => {
  for (const key of ["", "x", "A".repeat(87), "not base64!"]) {
    await assertRejects(() => sealSecret(key, "shop", "x"), TypeError);
  }
  const { privateKey } = await generateKeyPair();
  await sealingKeysFromPem(await privateKeyToPem(privateKey)); // any key on the curve is one
  await assertRejects(() =>
    sealingKeysFromPem("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
  );
});
