import { systemClock } from "../base/clock.ts";
import { isDatabaseDamage, messageOf } from "../base/errors.ts";
import type { LogLevel } from "../base/log.ts";
import { createLog } from "../base/log.ts";
import type { Database } from "../base/sqlite.ts";
import type { RunningEngine } from "./engine_main.ts";
import { startEngineHalf } from "./engine_main.ts";
import { openState } from "./home.ts";

/** What the host tells the Worker. Work and results go through the database, never through here. */
export type HostMessage =
  | { do: "start"; permittedFolders: string[]; logFormat: "text" | "json"; logLevel: LogLevel }
  | { do: "stop"; graceMs: number };

/** What the Worker tells its host. */
export type WorkerMessage =
  /** Messages that come before this one would be lost. */
  | { is: "listening" }
  | { is: "started" }
  | { is: "in-need-of-folders" }
  | { is: "stopped" }
  /** `isDamage`: because the state database is damaged. */
  | { is: "broken"; reason: string; isDamage: boolean };

/** The engine as a Worker: started and stopped by messages. */
export function serveAsWorker(): void {
  const scope = self as unknown as {
    onmessage: (event: MessageEvent<HostMessage>) => void;
    postMessage(message: WorkerMessage): void;
    close(): void;
  };
  let running: RunningEngine | undefined;
  let db: Database | undefined;
  const handle = async (message: HostMessage) => {
    if (message.do === "stop") {
      await running?.stop(message.graceMs);
      db?.close();
      scope.postMessage({ is: "stopped" });
      return scope.close();
    }
    db = openState();
    running = await startEngineHalf({
      db,
      clock: systemClock,
      log: createLog({ clock: systemClock, format: message.logFormat, level: message.logLevel }),
      permittedFolders: message.permittedFolders,
      onNeedsFolders: () => scope.postMessage({ is: "in-need-of-folders" }),
    });
    scope.postMessage({ is: "started" });
    await running.engine.finished;
  };
  scope.onmessage = ({ data }) => {
    handle(data).catch((error) => {
      scope.postMessage({ is: "broken", reason: messageOf(error), isDamage: isDatabaseDamage(error) });
    });
  };
  scope.postMessage({ is: "listening" });
}
