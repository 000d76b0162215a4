import type { ConnectorKind } from "../engine/connector.ts";
import { DiskSink, sinkSchema } from "./disk/sink.ts";
import type { SinkConfig } from "./disk/sink.ts";
import { DiskSource, sourceSchema } from "./disk/source.ts";
import type { SourceConfig } from "./disk/source.ts";

/** Folders below `data/`. */
export const disk: ConnectorKind<SourceConfig, SinkConfig> = {
  name: "disk",
  sourceSchema: sourceSchema as unknown as ConnectorKind<SourceConfig, SinkConfig>["sourceSchema"],
  sinkSchema: sinkSchema as unknown as ConnectorKind<SourceConfig, SinkConfig>["sinkSchema"],
  source: (config) => new DiskSource(config),
  sink: (config) => new DiskSink(config),
};
