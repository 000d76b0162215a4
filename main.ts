/** The agent's entry: the command line, and the same file again as the engine's Worker. */
const scope = globalThis as { DedicatedWorkerGlobalScope?: unknown };

if (scope.DedicatedWorkerGlobalScope !== undefined) {
  const { serveAsWorker } = await import("./src/agent/engine_worker.ts");
  serveAsWorker();
} else if (import.meta.main) {
  const { main } = await import("./src/cli/main.ts");
  Deno.exit(await main(Deno.args, import.meta.url));
}
