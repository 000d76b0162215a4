/**
 * A TLS server with WebSockets and nothing behind them but an echo: what a connection, and a message on it, cost before
 * anybody does anything.
 *
 *   deno run -A scripts/lib/bare_server.ts DATA_FOLDER PORT [PING_MS]
 *
 * With PING_MS it sends a ping so often on every connection.
 */
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import { loadIdentity } from "../../src/platform/ca/identity.ts";
import { serverCertificate } from "../../src/platform/ca/server_certificate.ts";
import { createTlsServer, listen } from "../../src/platform/server.ts";
import { DATABASE_FILE } from "../../src/platform/store/sqlite.ts";

const [dataDir, port, pingMs] = [Deno.args[0]!, Number(Deno.args[1]), Number(Deno.args[2] ?? 0)];
const { authority } = await loadIdentity(dataDir, DATABASE_FILE, systemClock);
const hosts = ["127.0.0.1", "localhost"];
const certificate = await serverCertificate(dataDir, authority, hosts, {
  clock: systemClock,
  log: silentLog,
});
const { server } = createTlsServer(certificate, {
  http: (_, response) => void response.end(),
  poll: (_path, _request, response) => void response.end(),
  agent: (_path, _request, accept) =>
    accept((socket) => {
      socket.on("error", () => {});
      socket.on("message", (data) => socket.send(data));
      if (pingMs > 0) setInterval(() => socket.ping(), pingMs);
    }),
});
await listen(server, "127.0.0.1", port);
console.log("listening");
