/** The states of an agent: `suspect` is connected still, with a heartbeat that is overdue. */
export const PRESENCE_STATES = ["online", "suspect", "offline"] as const;
export type PresenceState = (typeof PRESENCE_STATES)[number];

/** Why an agent is offline. */
export const OFFLINE_REASONS = [
  "not connected yet",
  "platform restarted",
  "stopped",
  "updating",
  "connection lost",
  "heartbeats missing",
  "certificate expired",
  "protocol error",
  "revoked",
] as const;
export type OfflineReason = (typeof OFFLINE_REASONS)[number];

/** Why an agent is not simply online. */
export const PRESENCE_REASONS = [...OFFLINE_REASONS, "heartbeat overdue"] as const;
export type PresenceReason = (typeof PRESENCE_REASONS)[number];

/** Whether an agent is connected, since when, and if not why. */
export type Presence =
  | { state: "online"; since: number; lastSeen: number; reason?: undefined }
  | { state: "suspect"; since: number; lastSeen: number; reason: "heartbeat overdue" }
  | {
    state: "offline";
    since: number;
    lastSeen: number | undefined;
    reason: OfflineReason;
    /** When it last came with an expired certificate, and the end of that. */
    knock?: { at: number; notAfter: number };
  };

/**
 * The reason that is shown for an ending: an agent that said by its health status that it updates itself, and
 * then is gone, is not lost. Silence stays silence: an update closes its connection.
 */
export function shownReason(reason: OfflineReason, lastStatus: string | undefined): OfflineReason {
  const mayBeUpdate = reason === "stopped" || reason === "connection lost";
  return mayBeUpdate && lastStatus === "updating" ? "updating" : reason;
}
