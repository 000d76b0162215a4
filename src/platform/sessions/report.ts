import { fromUtf8 } from "../../base/encoding.ts";
import { SallyportError } from "../../base/errors.ts";
import { MAX_ERROR_CHARS, MAX_NAME_CHARS, MAX_PROCESSES } from "../../base/limits.ts";
import type { Attributes } from "../../protocol/attributes.ts";
import { attributesOf } from "../../protocol/attributes.ts";
import type { AgentToServer, ComponentHealth, EffectiveConfig } from "../../protocol/generated/opamp_pb.ts";
import type { Health, Report } from "../store/agents.ts";
import { CONFIG_STATUSES } from "../store/agents.ts";

const MAX_ATTRIBUTES = 100;
/** Processes and channels are children of the agent, and their parts are grandchildren: no deeper. */
const MAX_DEPTH = 3;
const MAX_COMPONENTS = 2 * MAX_PROCESSES;

/**
 * What an agent's message says about itself, cut to what the platform keeps.
 *
 * @throws {SallyportError} `platform.protocol` when a part is larger than any agent's should be.
 */
export function readReport(message: AgentToServer): Partial<Report> {
  const { agentDescription, health, effectiveConfig, remoteConfigStatus } = message;
  return {
    ...(message.capabilities ? { capabilities: message.capabilities } : {}),
    ...(agentDescription ? { attributes: bounded(attributesOf(agentDescription)) } : {}),
    ...(health ? { health: readHealth(health, MAX_DEPTH) } : {}),
    ...(effectiveConfig ? { effective: readEffective(effectiveConfig) } : {}),
    ...(remoteConfigStatus
      ? {
        config: {
          hash: remoteConfigStatus.lastRemoteConfigHash.subarray(0, 64).toHex(),
          status: CONFIG_STATUSES[remoteConfigStatus.status] ?? "unset",
          error: remoteConfigStatus.errorMessage.slice(0, MAX_ERROR_CHARS),
        },
      }
      : {}),
  };
}

function bounded(attributes: Attributes): Attributes {
  const entries = Object.entries(attributes);
  if (entries.length > MAX_ATTRIBUTES) throw tooMany("attributes", entries.length, MAX_ATTRIBUTES);
  return Object.fromEntries(
    entries.map(([key, value]) => [key.slice(0, MAX_NAME_CHARS), value.slice(0, MAX_ERROR_CHARS)]),
  );
}

function readHealth(health: ComponentHealth, depth: number): Health {
  const components = Object.entries(health.componentHealthMap);
  if (components.length > MAX_COMPONENTS) throw tooMany("components", components.length, MAX_COMPONENTS);
  return {
    healthy: health.healthy,
    status: health.status.slice(0, MAX_NAME_CHARS),
    lastError: health.lastError.slice(0, MAX_ERROR_CHARS),
    ...(health.statusTimeUnixNano > 0n ? { since: Number(health.statusTimeUnixNano / 1_000_000n) } : {}),
    components: depth === 0
      ? {}
      : Object.fromEntries(components.map(([name, part]) => [name, readHealth(part, depth - 1)])),
  };
}

function readEffective({ configMap }: EffectiveConfig): Record<string, string> {
  const files = Object.entries(configMap?.configMap ?? {});
  if (files.length > MAX_PROCESSES) throw tooMany("effective config files", files.length, MAX_PROCESSES);
  return Object.fromEntries(files.map(([name, { body }]) => {
    try {
      return [name, fromUtf8(body)];
    } catch (cause) {
      const words = `the effective config "${name.slice(0, MAX_NAME_CHARS)}" is not UTF-8`;
      throw new SallyportError("platform.protocol", words, { cause });
    }
  }));
}

function tooMany(what: string, found: number, most: number): SallyportError {
  return new SallyportError("platform.protocol", `a message has ${found} ${what}; at most ${most} are kept`);
}
