/** A request as the API gives it. */
export interface Request {
  id: string;
  agent: string;
  agentName: string;
  channel: string;
  parameters: Record<string, unknown>;
  requester: string;
  reason: string;
  askedAt: string;
  deadline: string;
  state: string;
  outcome?: { at: string; code?: string; reason?: string; retryAfterMs?: number };
  answer: { records: number; bytes: number; kept: boolean };
}
