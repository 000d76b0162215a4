/**
 * What the platform remembers, as one interface: SQLite stands behind it today (`sqlite.ts`), and a database
 * server can tomorrow, which is why every answer may be a promise. Every method is one transaction.
 */
import type { AgentStore } from "./agents.ts";
import type { CertificateStore } from "./certificates.ts";
import type { CheckpointStore } from "./checkpoints.ts";
import type { DepartureStore } from "./departures.ts";
import type { DocumentStore } from "./documents.ts";
import type { EnrolmentStore } from "./enrolments.ts";
import type { GapStore } from "./gaps.ts";
import type { ProcessStore } from "./processes.ts";
import type { RecoveryStore } from "./recoveries.ts";
import type { RequestStore } from "./requests.ts";
import type { RunStore } from "./runs.ts";
import type { StreamStore } from "./streams.ts";
import type { TokenStore } from "./tokens.ts";

/** An answer now or later. */
export type Eventually<T> = T | Promise<T>;

/** The platform's memory, one part for each kind of thing. Times are milliseconds since 1970 UTC. */
export interface Store {
  agents: AgentStore;
  certificates: CertificateStore;
  checkpoints: CheckpointStore;
  departures: DepartureStore;
  documents: DocumentStore;
  enrolments: EnrolmentStore;
  gaps: GapStore;
  processes: ProcessStore;
  recoveries: RecoveryStore;
  requests: RequestStore;
  runs: RunStore;
  streams: StreamStore;
  tokens: TokenStore;
  close(): Eventually<void>;
}
