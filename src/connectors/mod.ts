import type { ConnectorKind } from "../engine/connector.ts";
import { disk } from "./disk.ts";

/** Every connector of this edition. */
export const CONNECTORS: readonly ConnectorKind[] = [disk as ConnectorKind];
