import { assert, assertEquals, assertMatch } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import type { Page } from "playwright-core";
import { findChromium, launchChromium } from "../platform/browser.ts";
import { eventually, Fleet } from "../support/fleet.ts";

const PROCESS = `process: orders
version: "1"
trigger: { watch: true }
source:
  disk: { path: in, glob: "*.csv", format: csv, after: { move: done } }
steps:
  - map: { fields: { id: id, amount: { from: amount, as: number } } }
  - log: an order came
sink:
  disk: { path: out, file: "{source}.ndjson", format: ndjson }
deadLetter: { path: failed }
`;

const CONNECTIONS = `connections:
  shop:
    sqlite: { file: shop.db }
`;

const POLICY = "schema: ask\n";

const chromium = findChromium();
const picture = Deno.env.get("SALLYPORT_SCREENSHOT");
const takePicture = async (page: Page, name: string) => {
  if (picture) await page.screenshot({ path: picture.replace(/(\.\w+)$/, `-${name}$1`) });
};

Deno.test({
  name: "a person asks for the log of a run, its errors and a schema in the console, and sees them come",
  ignore: !chromium,
  async fn() {
    await using fleet = await Fleet.start();
    await fleet.enrol();
    await Deno.mkdir(`${fleet.home}/data/in`, { recursive: true });
    await Deno.writeTextFile(`${fleet.home}/connections.yaml`, CONNECTIONS);
    await Deno.writeTextFile(`${fleet.home}/policy.yaml`, POLICY);
    using shop = new DatabaseSync(`${fleet.home}/data/shop.db`);
    shop.exec(
      "CREATE TABLE orders (id INTEGER PRIMARY KEY, amount REAL NOT NULL); CREATE TABLE parts (name TEXT)",
    );
    shop.exec("INSERT INTO parts VALUES ('<b>secret</b>')");
    const agent = fleet.startAgent();
    await agent.connected();
    await fleet.api.publish("orders", PROCESS);
    await fleet.drop("data/in/monday.csv", "id,amount\n1,10\n2,many\n3,30\n");
    await eventually(() => fleet.runViews(), ([run]) => run?.outcome === "partial");

    const browser = await launchChromium(chromium!);
    try {
      const page = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage();
      const complaints: string[] = [];
      page.on("pageerror", (error) => complaints.push(error.message));
      page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
      await page.goto(`https://${fleet.authority}/#token=${fleet.token}`);
      await page.getByText("Nothing was asked yet").waitFor();
      const dialog = page.getByRole("dialog").last();

      await page.getByRole("button", { name: "orders" }).click();
      await dialog.getByRole("button", { name: "Ask for its log" }).click();
      await dialog.locator(".badge.good", { hasText: "answered" }).waitFor();
      await dialog.getByRole("table", { name: "Steps" }).getByText("steps[0].map").waitFor();
      assertEquals(await dialog.locator("svg.bar").count(), 4);
      await dialog.getByRole("table", { name: "Messages" }).getByText("an order came").first().waitFor();
      await takePicture(page, "log");
      await dialog.getByLabel("Level").selectOption("error");
      await dialog.getByText("No message of this level").waitFor();
      const download = page.waitForEvent("download");
      await dialog.getByRole("button", { name: "Download" }).click();
      assertMatch((await download).suggestedFilename(), /^logs-.*\.ndjson\.gz$/);
      await page.keyboard.press("Escape");

      await dialog.getByRole("button", { name: "Ask for its errors" }).click();
      const failed = dialog.getByRole("table", { name: "Documents that failed" });
      await failed.getByText("monday.csv").waitFor();
      await takePicture(page, "errors");
      await page.keyboard.press("Escape");
      await page.keyboard.press("Escape");

      await page.getByRole("button", { name: "test" }).click();
      await dialog.getByLabel("Connection").fill("shop");
      await dialog.getByRole("button", { name: "Browse its schema" }).click();
      await dialog.locator(".badge.warn", { hasText: "waiting" }).waitFor();
      await dialog.getByText("somebody at the agent has to approve it").waitFor();
      await takePicture(page, "waiting");
      const { requests } = await fleet.json<{ requests: { id: string; state: string }[] }>(["requests"]);
      const waiting = requests.find(({ state }) => state === "waiting");
      assertEquals((await fleet.run(["requests", "approve", waiting!.id])).code, 0);
      await dialog.locator(".tree").getByText("orders", { exact: true }).waitFor();
      await dialog.locator(".tree").getByText("amount").waitFor();
      await takePicture(page, "schema");
      assert(!(await dialog.textContent())!.includes("secret"));
      await page.keyboard.press("Escape");
      await page.keyboard.press("Escape");

      await page.getByRole("table", { name: "Requests" }).getByText("Schema of shop").waitFor();
      await takePicture(page, "requests");
      await page.setViewportSize({ width: 360, height: 740 });
      await page.getByRole("button", { name: /^Log of run/ }).click();
      await dialog.getByRole("table", { name: "Steps" }).waitFor();
      assertEquals(await page.evaluate("document.documentElement.scrollWidth"), 360);
      await takePicture(page, "narrow");
      assertEquals(complaints, []);
    } finally {
      await browser.close();
    }
    assertEquals(await agent.stop(), 0);
  },
});
