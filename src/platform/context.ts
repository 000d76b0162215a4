import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Identity } from "./ca/identity.ts";
import type { Names } from "./ca/names.ts";
import type { Events } from "./events.ts";
import type { Intake } from "./ingest/intake.ts";
import type { RequestDesk } from "./requests/desk.ts";
import type { CloneWatch } from "./sessions/clones.ts";
import type { RecoveryPolicy } from "./sessions/recovery.ts";
import type { Fleet } from "./sessions/fleet.ts";
import type { Rollout } from "./sessions/rollout.ts";
import type { Store } from "./store/store.ts";

/** What the parts of the platform share. */
export interface Context {
  clock: Clock;
  log: Log;
  identity: Identity;
  names: Names;
  /** What new agents are told to trust for TLS: CA certificates as PEM, or "public". */
  tlsCa: string;
  store: Store;
  events: Events;
  fleet: Fleet;
  clones: CloneWatch;
  rollout: Rollout;
  intake: Intake;
  requests: RequestDesk;
  settings: {
    heartbeatSeconds: number;
    certificateLifeMs: number;
    recovery: { policy: RecoveryPolicy; graceMs: number };
  };
}
