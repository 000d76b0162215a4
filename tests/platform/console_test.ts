import { assertEquals, assertStringIncludes } from "@std/assert";
import { describe, START_ID } from "../../src/protocol/attributes.ts";
import { CUSTOM } from "../../src/protocol/capabilities.ts";
import { jsonMessage } from "../../src/protocol/messages.ts";
import { TestClock } from "../support/clock.ts";
import { findChromium, launchChromium } from "./browser.ts";
import { enrolledAgent, opampConnection, testPlatform, toServer } from "./support.ts";

const chromium = findChromium();
if (!chromium) console.log("The console's browser test is skipped: there is no Chromium on this machine.");

Deno.test("the console serves its own files and nothing else", async () => {
  await using test = await testPlatform();
  const get = (path: string) => fetch(test.platform.url + path, { client: test.client });
  const page = await get("/");
  assertStringIncludes(page.headers.get("content-security-policy")!, "default-src 'none'");
  const html = await page.text();
  const linked = [...html.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, path]) => path!);
  const imported = new Set(linked);
  for (const path of imported) { // grows while it is walked, by what the scripts import
    const response = await get(path);
    assertEquals(response.status, 200, path);
    const text = await response.text();
    if (!path.endsWith(".js") || path.endsWith("uplot.js")) continue;
    for (const [, name] of text.matchAll(/from "\.\/([a-z_]+\.js)"/g)) imported.add(`/assets/${name}`);
  }
  assertEquals(imported.has("/assets/uplot.js"), true);
  const other = await get("/assets/../../main.ts");
  assertEquals(other.status, 404);
  await other.body?.cancel();
});

Deno.test({
  name: "the console in a real browser: login, empty states, live changes, a narrow screen",
  ignore: !chromium,
  async fn() {
    const clock = new TestClock(Date.now());
    await using test = await testPlatform({ clock });
    const browser = await launchChromium(chromium!);
    try {
      const context = await browser.newContext({ ignoreHTTPSErrors: true });
      const page = await context.newPage();
      const complaints: string[] = [];
      page.on("pageerror", (error) => complaints.push(error.message));
      page.on("request", (request) => {
        if (new URL(request.url()).origin !== test.platform.url) {
          complaints.push(`asked for ${request.url()}`);
        }
      });

      // A wrong token is refused in words, the right one by keyboard alone.
      await page.goto(`${test.platform.url}/`);
      await page.keyboard.type("wrong-token-wrong-token-wrong");
      await page.keyboard.press("Enter");
      await page.getByText("the bearer token is not valid").waitFor();
      await page.keyboard.type(test.token);
      await page.keyboard.press("Enter");
      await page.getByText("No agent yet").waitFor();
      await page.getByText("No process yet").waitFor();
      await page.getByText("sallyportctl enrolment create").first().waitFor();

      // Another tab comes by the link that the platform prints, and its address bar forgets the token.
      const second = await context.newPage();
      await second.goto(`${test.platform.url}/#token=${test.token}`);
      await second.getByText("No agent yet").waitFor();
      assertEquals(second.url(), `${test.platform.url}/`);

      // Names from outside are text, and everything changes live.
      const agent = await enrolledAgent(test, "till <b>7</b>", clock);
      await page.getByText("till <b>7</b>").first().waitFor();
      await using connection = opampConnection(test, agent);
      await connection.send(toServer(agent.uid, 1, {
        agentDescription: describe({}, {}),
        health: { healthy: true, status: "healthy" },
      }));
      await connection.next();
      await page.locator(".badge", { hasText: "online" }).waitFor();
      await page.locator(".badge.good", { hasText: "healthy" }).waitFor();

      // What an agent says is wrong with it stands beside it, with what to do.
      const clockOff = { healthy: true, status: "warning", lastError: "clock.off: <i>23</i> hours ahead" };
      const engineGone = { healthy: false, status: "error", lastError: "engine.not-running: it is gone" };
      await connection.send(toServer(agent.uid, 2, {
        health: {
          healthy: false,
          componentHealthMap: {
            status: { healthy: true, componentHealthMap: { "clock.off": clockOff } },
            engine: { healthy: false, componentHealthMap: { "engine.not-running": engineGone } },
          },
        },
      }));
      await page.locator(".badge.bad", { hasText: "engine.not-running" }).waitFor();
      await page.locator(".badge.warn", { hasText: "clock.off" }).waitFor();
      await page.getByText("<i>23</i> hours ahead").waitFor();
      await page.getByText("Set the clock of the agent's machine").waitFor();
      await test.api("PUT", "/processes/orders", { definition: "name: orders\n" });
      await page.locator(".badge", { hasText: "pending" }).waitFor();

      // What an agent lost is said only where there is something to say.
      assertEquals(await page.getByRole("heading", { name: "Lost records" }).isVisible(), false);
      const lost = { kind: "gap", class: "tracking", reason: "quota-age", records: 1_204, bytes: 9 };
      const record = { ...lost, last: new Date(clock.now()).toISOString() };
      const batch = { stream: crypto.randomUUID(), through: 1, records: [{ seq: 1, record }] };
      const customMessage = jsonMessage(CUSTOM.tracking, "batch", batch);
      await connection.send(toServer(agent.uid, 2, { customMessage }));
      await page.getByRole("heading", { name: "Lost records" }).waitFor();
      const words = await page.getByRole("table", { name: "Lost records" }).textContent();
      assertStringIncludes(words!, "1,204 records of till <b>7</b> were lost before");
      assertStringIncludes(words!, "they waited to be sent for longer");

      // A heartbeat that is overdue has a look of its own.
      await clock.advance(38_000);
      await page.locator(".badge.warn", { hasText: "suspect" }).waitFor();
      await page.getByText("heartbeat overdue").waitFor();
      await page.getByText("1 suspect").waitFor();
      const picture = Deno.env.get("SALLYPORT_SCREENSHOT");
      if (picture) await page.screenshot({ path: picture });

      await page.getByRole("button", { name: "Add agent" }).click();
      await page.keyboard.type("cellar");
      await page.keyboard.press("Enter");
      await page.getByText("sallyport enroll sallyport1.").waitFor();
      await page.keyboard.press("Escape");
      await page.locator("dialog").waitFor({ state: "detached" });

      await page.setViewportSize({ width: 360, height: 740 });
      assertEquals(await page.evaluate("document.documentElement.scrollWidth"), 360);
      await page.getByRole("button", { name: "Sign out" }).click();
      await page.getByText("Who goes there?").waitFor();
      assertEquals(complaints, []);
    } finally {
      await browser.close();
    }
  },
});

Deno.test({
  name: "what an operator has to act on stands out in the console, and can be done there",
  ignore: !chromium,
  async fn() {
    const clock = new TestClock(Date.now());
    await using test = await testPlatform({ clock, certificateLifeMs: 120_000 });
    const [till, cellar] = [
      await enrolledAgent(test, "till 7", clock),
      await enrolledAgent(test, "cellar", clock),
    ];
    const browser = await launchChromium(chromium!);
    try {
      const page = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage();
      const complaints: string[] = [];
      page.on("pageerror", (error) => complaints.push(error.message));
      await page.goto(`${test.platform.url}/#token=${test.token}`);
      await page.getByRole("button", { name: "till 7" }).waitFor();

      for (const id of ["start A", "start B", "start A"]) {
        await using connection = opampConnection(test, till);
        const agentDescription = describe({}, { [START_ID]: id, "os.type": "linux" });
        await connection.send(toServer(till.uid, 1, { agentDescription }));
        await connection.next();
      }
      await page.locator(".badge.bad", { hasText: "cloned" }).waitFor();
      await page.getByText("a copy of its home runs too, from 127.0.0.1").waitFor();

      await clock.advance(180_000);
      {
        await using connection = opampConnection(test, cellar);
        await connection.ended;
      }
      await page.locator(".badge.warn", { hasText: "waits for approval" }).waitFor();
      const picture = Deno.env.get("SALLYPORT_SCREENSHOT");
      if (picture) await page.screenshot({ path: picture.replace(/(\.\w+)$/, "-attention$1") });
      await page.getByRole("button", { name: "Approve a new certificate for cellar" }).click();
      await page.locator(".badge", { hasText: "approved" }).waitFor();

      await page.getByRole("button", { name: "till 7" }).click();
      const dialog = page.getByRole("dialog");
      await dialog.getByRole("table", { name: "Clones" }).getByText("127.0.0.1").first().waitFor();
      if (picture) await page.screenshot({ path: picture.replace(/(\.\w+)$/, "-agent$1") });
      await dialog.getByRole("button", { name: "Ask till 7 for a new key" }).click();
      await dialog.getByText(/a new one was requested at .* by first token/).waitFor();
      await page.keyboard.press("Escape");
      await page.locator("dialog").waitFor({ state: "detached" });
      await page.locator(".badge", { hasText: "new key requested" }).waitFor();
      await page.setViewportSize({ width: 360, height: 740 });
      assertEquals(await page.evaluate("document.documentElement.scrollWidth"), 360);
      assertEquals(complaints, []);
    } finally {
      await browser.close();
    }
  },
});
