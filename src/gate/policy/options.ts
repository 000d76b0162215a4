/** The classes of what can leave; each payload has exactly one. */
export const CLASSES = ["status", "tracking", "logs", "errors", "schema", "data"] as const;
export type PayloadClass = (typeof CLASSES)[number];

/** The classes that leave only when somebody at the platform asks for them. */
export const ON_DEMAND = ["logs", "errors", "schema", "data"] as const;
export type OnDemandClass = (typeof ON_DEMAND)[number];

/** `ask`: a person here approves each request. Only for what is requested. */
export type Decision = "allow" | "deny" | "ask";

/**
 * How a name leaves: as it is; as a keyed hash, the same for the same name; or not at all.
 */
export const SHAPES = ["plain", "hashed", "omitted"] as const;
export type Shape = (typeof SHAPES)[number];

export const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] as const;
export type Day = (typeof DAYS)[number];

/** When requests are answered. */
export interface Hours {
  /** `HH:MM`, the first minute and the one that is too late. */
  from: string;
  to: string;
  days: readonly Day[];
  /** A name of the IANA database. */
  timezone: string;
}

/** What every class has. */
interface ClassOptions {
  send: Decision;
  /** What may leave in one day of UTC, as it stands in the ledger. */
  bytesPerDay: number;
}

export interface OnDemandOptions extends ClassOptions {
  /** Who may ask: patterns of the names that the platform gives to people. */
  requesters: readonly string[];
  /** Null: at any time. */
  hours: Hours | null;
}

/** What `policy.yaml` says, with every default filled in. */
export interface PolicyOptions {
  status: ClassOptions & {
    send: "allow" | "deny";
    /** Patterns of the attributes of agent and host that may leave. */
    attributes: readonly string[];
    /** Patterns of the components whose health may leave. */
    health: readonly string[];
    /** How the texts of the processes that run here go back to the platform that sent them. */
    processTexts: Shape;
  };
  tracking: ClassOptions & { send: "allow" | "deny"; names: Shape; directories: Shape };
  logs: OnDemandOptions;
  errors: OnDemandOptions;
  schema: OnDemandOptions & {
    /** Whether texts that people wrote into a schema may leave with it: a value may stand in any of them. */
    defaults: boolean;
    comments: boolean;
    /** The labels of enumerations. */
    enums: boolean;
  };
  data: OnDemandOptions & {
    /** ISO 8601 in UTC; null only where `send` is `deny`. */
    until: string | null;
    /** Patterns of the processes whose documents may be looked at. */
    processes: readonly string[];
  };
  /** The owner's own rules, beside those that always apply. */
  redaction: readonly { name: string; pattern: string }[];
}

const MIB = 1024 * 1024;
const EVERYTHING = ["*"];

const onDemand = (mebibytes: number): OnDemandOptions => ({
  send: "allow",
  requesters: EVERYTHING,
  hours: null,
  bytesPerDay: mebibytes * MIB,
});

/** In force where the owner wrote no policy: production data never leaves, and nothing leaves without end. */
export const DEFAULT_OPTIONS: PolicyOptions = {
  status: {
    send: "allow",
    attributes: EVERYTHING,
    health: EVERYTHING,
    processTexts: "plain",
    bytesPerDay: 64 * MIB,
  },
  tracking: { send: "allow", names: "plain", directories: "plain", bytesPerDay: 512 * MIB },
  logs: onDemand(64),
  errors: onDemand(64),
  schema: { ...onDemand(16), defaults: false, comments: false, enums: false },
  data: { ...onDemand(16), send: "deny", until: null, processes: EVERYTHING },
  redaction: [],
};
