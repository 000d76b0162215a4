import { assertEquals } from "@std/assert";
import type { Documents } from "../../src/protocol/payloads/data.ts";
import { DOCUMENTS } from "../support/records.ts";
import { findChromium, launchChromium } from "./browser.ts";
import { sender } from "./sender.ts";
import { enrolledAgent, testPlatform } from "./support.ts";

const chromium = findChromium();
if (!chromium) {
  console.log("The console's test of documents is skipped: there is no Chromium on this machine.");
}

Deno.test({
  name: "the console shows a run's tracked fields to whoever asks for them, as text, also on a narrow screen",
  ignore: !chromium,
  async fn() {
    await using test = await testPlatform();
    await using agentSide = await sender(test, await enrolledAgent(test, "till 7"));
    await agentSide.began();
    const fields = Object.fromEntries(
      Array.from({ length: 20 }, (_, i) => [`field ${"x".repeat(i)}`, `${i}`]),
    );
    const documents: Documents["documents"] = [
      { row: 1, result: "out", fields: { ...fields, "field ": "<b>Ada</b>" } },
      { row: 2, result: "failed", fields: { "field ": "x".repeat(1_000) }, cut: ["field "] },
    ];
    await agentSide.acked([{ seq: 1, record: { ...DOCUMENTS, documents, beyond: 1_200 } }]);
    const reads = async () => {
      const { entries } = (await test.api("GET", "/audit")).body as { entries: { action: string }[] };
      return entries.filter(({ action }) => action === "run.read-documents").length;
    };

    const browser = await launchChromium(chromium!);
    try {
      const page = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage();
      const complaints: string[] = [];
      page.on("pageerror", (error) => complaints.push(error.message));
      await page.goto(`${test.platform.url}/#token=${test.token}`);
      await page.getByRole("button", { name: "orders", exact: true }).click();
      const show = page.getByRole("button", { name: "Show the tracked fields of 2 documents" });
      await show.waitFor();
      assertEquals(await reads(), 0);
      await show.click();
      const table = page.getByRole("table", { name: "Documents" });
      await table.getByText("<b>Ada</b>").waitFor();
      assertEquals(await reads(), 1);
      await table.locator(".badge.bad", { hasText: "failed" }).waitFor();
      await page.getByText("Of 1,200 more documents of this run nothing was taken.").waitFor();
      const picture = Deno.env.get("SALLYPORT_SCREENSHOT");
      if (picture) await page.screenshot({ path: picture });
      await page.setViewportSize({ width: 360, height: 740 });
      assertEquals(await page.evaluate("document.documentElement.scrollWidth"), 360);
      if (picture) await page.screenshot({ path: picture.replace(/(\.\w+)$/, "-narrow$1") });
      assertEquals(complaints, []);
    } finally {
      await browser.close();
    }
  },
});
