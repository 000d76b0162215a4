/** Every bound of the product in one place, so that a reviewer can read them together. Units are in the names. */

import { DAY_MS } from "./clock.ts";

/** One OpAMP message on the wire, either way; the default of 64 MiB in other implementations is far too big. */
export const MAX_MESSAGE_BYTES = 1024 * 1024;
/** One batch of records: small enough that a heartbeat never waits long behind it. */
export const MAX_BATCH_BYTES = 256 * 1024;
export const MAX_BATCH_RECORDS = 500;
/** One payload in the spool. */
export const MAX_PAYLOAD_BYTES = 128 * 1024;
/** What the spool keeps of each channel while nobody takes it; beyond that the oldest goes, and a gap record says so. */
export const SPOOL_QUOTAS: Readonly<Record<string, { readonly bytes: number; readonly ageMs: number }>> = {
  tracking: { bytes: 256 * 1024 * 1024, ageMs: 30 * DAY_MS },
  data: { bytes: 64 * 1024 * 1024, ageMs: 7 * DAY_MS },
};
/** The most that an agent has on the way without an acknowledgement, whatever credit it is given. */
export const MAX_CREDIT_BYTES = 1024 * 1024;
/** One document of a source, as read. */
export const MAX_DOCUMENT_BYTES = 16 * 1024 * 1024;
/** One process definition. */
export const MAX_PROCESS_BYTES = 256 * 1024;
/** Processes that one agent takes. */
export const MAX_PROCESSES = 500;
/** An enrolment bundle, as text. */
export const MAX_BUNDLE_CHARS = 16 * 1024;
/** The CA certificates in it, as PEM. */
export const MAX_BUNDLE_CA_CHARS = 8_000;
/** A file of CA certificates; the roots of a whole Linux distribution have a quarter of that. */
export const MAX_CA_FILE_BYTES = 1024 * 1024;
/** Names of processes, files and folders in records. */
export const MAX_NAME_CHARS = 255;
export const MAX_PATH_CHARS = 1024;
export const MAX_ERROR_CHARS = 1000;
/** A comment or a default value of a schema. */
export const MAX_COMMENT_CHARS = 1000;
/** Names in one list of a record about a schema: the columns of an index, the labels of an enumeration. */
export const MAX_SCHEMA_NAMES = 200;
/** One page of a schema, and the parts of one table, file or operation; beyond that they are left out, and it says so. */
export const MAX_SCHEMA_PAGE_RECORDS = 10_000;
export const MAX_TABLE_PARTS = 5_000;
/** The word by which the next page is asked for. */
export const MAX_PAGE_TOKEN_CHARS = 4_000;
/** What is read of a file to tell its fields. */
export const MAX_SAMPLE_BYTES = 1024 * 1024;
/** `connections.yaml`, and a password in a file. */
export const MAX_CONNECTIONS_BYTES = 256 * 1024;
export const MAX_SECRET_BYTES = 8 * 1024;
/** The description of an API. */
export const MAX_API_DESCRIPTION_BYTES = 16 * 1024 * 1024;
/** Files named in one tracking record; more go into further records. */
export const MAX_FILES_PER_RECORD = 100;
/** The fields of documents that a process tracks, and the characters of each. */
export const MAX_TRACKED_FIELDS = 20;
export const MAX_TRACKED_CHARS = 1000;
/** Documents of one run whose fields are taken, and the characters of all their values together. */
export const DEFAULT_TRACKED_DOCUMENTS = 1_000;
export const MAX_TRACKED_DOCUMENTS = 10_000;
export const MAX_TRACKED_CHARS_PER_RUN = 4 * 1024 * 1024;
/** Documents in one record; more go into further records. */
export const MAX_DOCUMENTS_PER_RECORD = 500;
/** The bodies of payloads in the ledger: older ones, and the oldest of too many, are removed. */
export const MAX_LEDGER_BODY_DAYS = 90;
export const MAX_LEDGER_BODY_BYTES = 1024 * 1024 * 1024;
/** What is kept back on the disk of the agent's home for reports while the disk is full. */
export const RESERVE_BYTES = 16 * 1024 * 1024;
/** How far an agent's clock may be from the platform's: everything works up to here but certificates' validity. */
export const MAX_CLOCK_OFFSET_MS = DAY_MS;
/** How long a server may ask an agent to wait before it comes again. */
export const MAX_RETRY_AFTER_MS = 3_600_000;
/** One message of an answer to a request: small enough that a heartbeat never waits long behind it. */
export const MAX_CHUNK_BYTES = 256 * 1024;
export const MAX_CHUNK_RECORDS = 5_000;
/** Chunks of one answer that may stand ready or be on the way before the platform has stored them. */
export const MAX_CHUNKS_AHEAD = 8;
/** Chunks of all answers together that an agent has on the way: what a heartbeat may have to wait for. */
export const MAX_CHUNKS_ON_THE_WAY = 4;
/** Parameters of a request, as JSON. */
export const MAX_PARAMETERS_BYTES = 16 * 1024;
/** How long a request may wait for its answer. */
export const MAX_REQUEST_LIFE_MS = 7 * DAY_MS;
/** Requests that an agent has open at once, such as those that wait for approval, and answers that it makes at once. */
export const MAX_OPEN_REQUESTS = 16;
export const MAX_ANSWERS_AT_ONCE = 4;
/** Requests that an agent takes in a minute, and messages by which it turns others away. */
export const MAX_REQUESTS_A_MINUTE = 120;
export const MAX_REFUSALS_A_MINUTE = 120;
/** Ended requests that an agent still lists. */
export const MAX_ENDED_REQUESTS = 1_000;
/** What the platform keeps of answers: of one, and of all together, compressed; and for how long. */
export const MAX_ANSWER_BYTES = 256 * 1024 * 1024;
export const MAX_ANSWERS_BYTES = 1024 * 1024 * 1024;
export const MAX_ANSWER_DAYS = 7;
/** How long the platform lists a request that has ended. */
export const MAX_REQUEST_DAYS = 90;
/** Requests that wait at the platform for one agent. */
export const MAX_QUEUED_REQUESTS = 100;
/** A JSON body of the platform's API. */
export const MAX_API_BODY_BYTES = 1024 * 1024;
/** What the logs of runs may take on the disk: of one run, of all together, how old and how many. */
export const MAX_RUN_LOG_BYTES = 16 * 1024 * 1024;
export const MAX_RUN_LOGS_BYTES = 512 * 1024 * 1024;
export const MAX_RUN_LOG_DAYS = 30;
export const MAX_RUN_LOGS = 10_000;
/** One message of a run's log: its facts, the name of each, and each text among them. */
export const MAX_LOG_FACTS = 12;
export const MAX_LOG_FACT_NAME_CHARS = 40;
export const MAX_LOG_FACT_CHARS = 500;
/** For how long a process may log at another level than the usual one, before that ends by itself. */
export const MAX_LOG_LEVEL_HOURS = 7 * 24;
/** Documents of one run whose failures are written down one by one: of each kind, and of all. */
export const MAX_FAILURES_PER_KIND = 100;
export const MAX_FAILURES_PER_RUN = 1_000;
/** What lies under one error, outermost first. */
export const MAX_ERROR_CAUSES = 5;
