/** A server that takes connections and answers each with nothing, by hanging up, or with these bytes. */
export function silentServer(answer: "nothing" | "hang-up" | Uint8Array): Disposable & { port: number } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.Conn>();
  const serve = async () => {
    for await (const connection of listener) {
      open.add(connection);
      if (answer === "nothing") continue;
      await connection.read(new Uint8Array(1_024)).catch(() => null);
      if (answer === "hang-up") connection.close();
      else await connection.write(answer).catch(() => 0);
    }
  };
  const serving = serve();
  return {
    port: listener.addr.port,
    [Symbol.dispose]() {
      listener.close();
      for (const connection of open) {
        try {
          connection.close();
        } catch {
          // it is closed
        }
      }
      serving.catch(() => {});
    },
  };
}
