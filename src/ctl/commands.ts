import type { Command, LocalCommand } from "./command.ts";

/** Every command of `sallyportctl`, in the order of the help. Each is loaded only when it is called. */
export const COMMANDS: Readonly<Record<string, () => Promise<Command | LocalCommand>>> = {
  "enrolment create": async () => (await import("./commands/enrolment_create.ts")).enrolmentCreate,
  "agents": async () => (await import("./commands/agents.ts")).agents,
  "agents show": async () => (await import("./commands/agents_show.ts")).agentsShow,
  "agents rotate-key": async () => (await import("./commands/agents_rotate_key.ts")).agentsRotateKey,
  "agents approve-recovery": async () =>
    (await import("./commands/agents_approve_recovery.ts")).agentsApproveRecovery,
  "checkpoints": async () => (await import("./commands/checkpoints.ts")).checkpoints,
  "process publish": async () => (await import("./commands/process_publish.ts")).processPublish,
  "process remove": async () => (await import("./commands/process_remove.ts")).processRemove,
  "processes": async () => (await import("./commands/processes.ts")).processes,
  "runs": async () => (await import("./commands/runs.ts")).runs,
  "runs documents": async () => (await import("./commands/runs_documents.ts")).runsDocuments,
  "run": async () => (await import("./commands/run.ts")).run,
  "logs": async () => (await import("./commands/logs.ts")).logs,
  "errors": async () => (await import("./commands/errors.ts")).errors,
  "browse": async () => (await import("./commands/browse.ts")).browse,
  "requests": async () => (await import("./commands/requests.ts")).requests,
  "requests show": async () => (await import("./commands/requests_show.ts")).requestsShow,
  "requests cancel": async () => (await import("./commands/requests_cancel.ts")).requestsCancel,
  "gaps": async () => (await import("./commands/gaps.ts")).gaps,
  "secret seal": async () => (await import("./commands/secret_seal.ts")).secretSeal,
  "tokens": async () => (await import("./commands/tokens.ts")).tokens,
  "tokens create": async () => (await import("./commands/tokens_create.ts")).tokensCreate,
  "tokens remove": async () => (await import("./commands/tokens_remove.ts")).tokensRemove,
  "watch": async () => (await import("./commands/watch.ts")).watch,
};
