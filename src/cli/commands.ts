import type { Command } from "./command.ts";

/**
 * Every command of the agent, in the order in which the help shows them. Each is loaded only when it is called: a
 * running agent has no use for the code of the others in its memory.
 */
export const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  "enroll": async () => (await import("./enroll.ts")).enroll,
  "run": async () => (await import("./run.ts")).run,
  "status": async () => (await import("./status.ts")).status,
  "runs": async () => (await import("./runs.ts")).runs,
  "logs": async () => (await import("./logs.ts")).logs,
  "logs level": async () => (await import("./logs_level.ts")).logsLevel,
  "errors": async () => (await import("./errors.ts")).errors,
  "doctor": async () => (await import("./doctor.ts")).doctor,
  "certificate renew": async () => (await import("./certificate_renew.ts")).certificateRenew,
  "permissions": async () => (await import("./permissions.ts")).permissions,
  "service print": async () => (await import("./service_print.ts")).servicePrint,
  "egress": async () => (await import("./egress.ts")).egress,
  "egress show": async () => (await import("./egress_show.ts")).egressShow,
  "egress verify": async () => (await import("./egress_verify.ts")).egressVerify,
  "egress export": async () => (await import("./egress_export.ts")).egressExport,
  "egress copy": async () => (await import("./egress_copy.ts")).egressCopy,
  "requests": async () => (await import("./requests.ts")).requests,
  "requests show": async () => (await import("./requests_show.ts")).requestsShow,
  "requests preview": async () => (await import("./requests_preview.ts")).requestsPreview,
  "requests approve": async () => (await import("./requests_approve.ts")).requestsApprove,
  "requests deny": async () => (await import("./requests_deny.ts")).requestsDeny,
  "policy check": async () => (await import("./policy_check.ts")).policyCheck,
  "policy explain": async () => (await import("./policy_explain.ts")).policyExplain,
  "policy preview": async () => (await import("./policy_preview.ts")).policyPreview,
  "policy init": async () => (await import("./policy_init.ts")).policyInit,
  "connections": async () => (await import("./connections.ts")).connections,
  "connections check": async () => (await import("./connections_check.ts")).connectionsCheck,
  "browse": async () => (await import("./browse.ts")).browse,
  "secrets key": async () => (await import("./secrets_key.ts")).secretsKey,
  "process run": async () => (await import("./process_run.ts")).processRun,
  "process check": async () => (await import("./process_check.ts")).processCheck,
  "process schema": async () => (await import("./process_schema.ts")).processSchema,
};
