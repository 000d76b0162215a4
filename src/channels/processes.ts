import { AGENT_CAPABILITY } from "../protocol/capabilities.ts";
import { fromUtf8, utf8 } from "../base/encoding.ts";
import { messageOf, SallyportError } from "../base/errors.ts";
import { MAX_PROCESS_BYTES, MAX_PROCESSES } from "../base/limits.ts";
import { isDatabaseError } from "../base/sqlite.ts";
import type { Deployments, DeploymentStatus } from "../engine/deployments.ts";
import type { AgentRemoteConfig } from "../protocol/generated/opamp_pb.ts";
import { RemoteConfigStatuses } from "../protocol/generated/opamp_pb.ts";
import type { MessageParts } from "../uplink/uplink.ts";
import type { Channel, ChannelCondition, ComponentHealthInit } from "./channel.ts";

const STATUS: Record<DeploymentStatus["state"], RemoteConfigStatuses> = {
  none: RemoteConfigStatuses.RemoteConfigStatuses_UNSET,
  applying: RemoteConfigStatuses.RemoteConfigStatuses_APPLYING,
  applied: RemoteConfigStatuses.RemoteConfigStatuses_APPLIED,
  failed: RemoteConfigStatuses.RemoteConfigStatuses_FAILED,
};

/**
 * Processes: the platform offers the set of definitions as OpAMP remote config, one file a process; the engine,
 * which may be another process, takes them from the database and says there what became of each.
 *
 * @param onOffered called after a new set is in the database
 */
export function processesChannel(deployments: Deployments, onOffered: () => void): Channel {
  /** The offer that could not even be handed to the engine. */
  let refused: { hash: string; message: string } | undefined;
  return {
    name: "processes",
    bits: AGENT_CAPABILITY.acceptsRemoteConfig | AGENT_CAPABILITY.reportsRemoteConfig |
      AGENT_CAPABILITY.reportsEffectiveConfig,
    custom: [],
    state: () => stateOf(deployments, refused),
    conditions: () => conditionsOf(deployments, refused),
    components: () => componentsOf(deployments),
    receive({ remoteConfig }) {
      if (!remoteConfig) return;
      const hash = remoteConfig.configHash.toHex();
      const known = refused?.hash ?? deployments.status().hash;
      if (known === hash) return; // OpAMP: offered again until our status has arrived
      try {
        deployments.offer({ hash, files: filesOf(remoteConfig) });
        refused = undefined;
      } catch (error) {
        // Not for the set's sake: it is offered again, and can be taken once the database can be written.
        if (isDatabaseError(error)) throw error;
        refused = { hash, message: messageOf(error) };
      }
      onOffered();
    },
  };
}

function stateOf(
  deployments: Deployments,
  refused: { hash: string; message: string } | undefined,
): MessageParts {
  const { hash, state, message } = refused ? { ...refused, state: "failed" as const } : deployments.status();
  const active = deployments.processes().filter((process) => process.body !== null);
  return {
    remoteConfigStatus: {
      lastRemoteConfigHash: Uint8Array.fromHex(hash),
      status: STATUS[state],
      errorMessage: message,
    },
    effectiveConfig: {
      configMap: {
        configMap: Object.fromEntries(
          active.map(({ name, body }) => [name, { body: utf8(body ?? ""), contentType: "text/yaml" }]),
        ),
      },
    },
  };
}

const componentOf = (process: string) => `process/${process}`;

function conditionsOf(
  deployments: Deployments,
  refused: { message: string } | undefined,
): ChannelCondition[] {
  const rejected = deployments.processes().filter(({ state }) => state === "rejected");
  return [
    ...rejected.map(({ name, reason, since }) => ({
      code: "process.rejected" as const,
      component: componentOf(name),
      reason,
      since,
    })),
    ...(refused ? [{ code: "processes.refused" as const, reason: refused.message }] : []),
    ...(deployments.status().state === "applying"
      ? [{
        code: "processes.pending" as const,
        reason: "the engine has not taken up the newest processes yet",
      }]
      : []),
  ];
}

function componentsOf(deployments: Deployments): Record<string, ComponentHealthInit> {
  return Object.fromEntries(
    deployments.processes().map(({ name, since }) => [componentOf(name), {
      healthy: true,
      status: "active",
      statusTimeUnixNano: BigInt(since) * 1_000_000n,
    }]),
  );
}

function filesOf(offer: AgentRemoteConfig): { name: string; body: string }[] {
  const entries = Object.entries(offer.config?.configMap ?? {});
  if (entries.length > MAX_PROCESSES) {
    throw new SallyportError(
      "platform.protocol",
      `the platform offers ${entries.length} processes; at most ${MAX_PROCESSES} are taken`,
    );
  }
  return entries.map(([name, file]) => ({ name, body: textOf(name, file.body) }));
}

function textOf(name: string, body: Uint8Array): string {
  if (body.length > MAX_PROCESS_BYTES) {
    throw new SallyportError(
      "platform.protocol",
      `the process "${name}" has ${body.length} bytes; at most ${MAX_PROCESS_BYTES} are taken`,
    );
  }
  try {
    return fromUtf8(body);
  } catch (cause) {
    throw new SallyportError("platform.protocol", `the process "${name}" is not text in UTF-8`, { cause });
  }
}
