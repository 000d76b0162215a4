/** Capability bits of OpAMP v0.18 that Sallyport uses, and the names of its custom capabilities. */

/** `AgentToServer.capabilities`. */
export const AGENT_CAPABILITY = {
  reportsStatus: 0x1n,
  acceptsRemoteConfig: 0x2n,
  reportsEffectiveConfig: 0x4n,
  acceptsPackages: 0x8n,
  reportsPackageStatuses: 0x10n,
  acceptsOpampConnectionSettings: 0x100n,
  acceptsRestartCommand: 0x400n,
  reportsHealth: 0x800n,
  reportsRemoteConfig: 0x1000n,
  reportsHeartbeat: 0x2000n,
  reportsConnectionSettingsStatus: 0x8000n,
} as const;

/** `ServerToAgent.capabilities`. */
export const SERVER_CAPABILITY = {
  acceptsStatus: 0x1n,
  offersRemoteConfig: 0x2n,
  acceptsEffectiveConfig: 0x4n,
  offersPackages: 0x8n,
  acceptsPackagesStatus: 0x10n,
  offersConnectionSettings: 0x20n,
  acceptsConnectionSettingsRequest: 0x40n,
} as const;

/** `AgentToServer.flags` and `ServerToAgent.flags`. */
export const AGENT_FLAG = { requestInstanceUid: 0x1n } as const;
export const SERVER_FLAG = { reportFullState: 0x1n } as const;

/** Custom capabilities: `io.sallyport.<channel>/<version>`. */
export const CUSTOM = {
  proof: "io.sallyport.proof/1",
  enrolment: "io.sallyport.enrolment/1",
  tracking: "io.sallyport.tracking/1",
  data: "io.sallyport.data/1",
  certificate: "io.sallyport.certificate/1",
  logs: "io.sallyport.logs/1",
  errors: "io.sallyport.errors/1",
  schema: "io.sallyport.schema/1",
} as const;
