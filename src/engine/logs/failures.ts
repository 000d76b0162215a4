import type { Clock } from "../../base/clock.ts";
import { isoTime } from "../../base/clock.ts";
import { utf8Length } from "../../base/encoding.ts";
import type { SallyportError } from "../../base/errors.ts";
import { MAX_FAILURES_PER_KIND, MAX_FAILURES_PER_RUN } from "../../base/limits.ts";
import type { ErrorRecord, FailedDocument, RunErrorRecord } from "../../protocol/payloads/errors.ts";
import { runErrorFacts } from "../../protocol/run_errors.ts";
import type { DocumentFailure } from "../batch.ts";
import type { EngineRedaction } from "../redaction.ts";
import { toldCauses, toldMessage } from "../told.ts";
import { placeOf } from "../tracking.ts";
import { LineFile } from "./line_file.ts";

/** An input, by its name. */
export interface InputName {
  name: string;
  directory: string;
}

/** Documents that failed in one step with one code. */
interface Kind {
  readonly step: string;
  readonly code: string;
  /** How many there were, and of how many the details were written. */
  documents: number;
  written: number;
  /** The same of the current input, which may yet fail as a whole. */
  pending: number;
  details: FailedDocument[];
}

/** What went wrong in one run, in detail, while it goes on. Nothing of it ever fails the run. */
export class Failures {
  readonly #file: LineFile;
  readonly #clock: Clock;
  readonly #redaction: EngineRedaction;
  readonly #kinds = new Map<string, Kind>();
  /** Details of documents, written or pending. */
  #detailed = 0;
  #input: InputName = { name: "", directory: "" };
  /** What was written. */
  bytes = 0;

  constructor(path: string, clock: Clock, redaction: EngineRedaction) {
    this.#file = new LineFile({ path });
    this.#clock = clock;
    this.#redaction = redaction;
  }

  /** Begins an input: what fails from now on is of it. */
  begin(input: InputName): void {
    this.#input = placeOf(input);
  }

  /** Notes that a document failed. */
  document(failure: DocumentFailure, { step, row, line }: { step: string; row: number; line: number }): void {
    const kind = this.#kind(step, failure.code);
    kind.pending++;
    if (this.#detailed >= MAX_FAILURES_PER_RUN) return;
    if (kind.written + kind.details.length >= MAX_FAILURES_PER_KIND) return;
    this.#detailed++;
    const { retryable, remedy } = runErrorFacts(failure.code);
    kind.details.push({
      kind: "document",
      time: isoTime(this.#clock.now()),
      code: failure.code,
      step,
      file: this.#input,
      row,
      line,
      message: this.#redaction.bounded(failure.told),
      retryable,
      remedy,
    });
  }

  /** Ends the input: what failed in it has failed. */
  end(): void {
    const details = [...this.#kinds.values()].flatMap((kind) => kind.details);
    for (const record of details.sort((a, b) => a.row - b.row)) this.#write(record);
    for (const kind of this.#kinds.values()) {
      kind.documents += kind.pending;
      kind.written += kind.details.length;
      kind.pending = 0;
      kind.details = [];
    }
  }

  /** Takes back what failed in the input: it failed as a whole. */
  takeBack(): void {
    for (const kind of this.#kinds.values()) {
      this.#detailed -= kind.details.length;
      kind.pending = 0;
      kind.details = [];
    }
  }

  /** Notes an error that ended the run, or failed one input as a whole. */
  error(
    scope: RunErrorRecord["scope"],
    error: SallyportError,
    { step, input }: { step?: string | undefined; input?: InputName } = {},
  ): void {
    const { bounded } = this.#redaction;
    this.#write({
      kind: "error",
      scope,
      time: isoTime(this.#clock.now()),
      code: error.code,
      ...(step === undefined ? {} : { step }),
      message: bounded(toldMessage(error)),
      ...(input ? { file: placeOf(input) } : {}),
      causes: toldCauses(error, bounded),
      retryable: error.retryable,
      remedy: bounded(error.remedy ?? runErrorFacts(error.code).remedy),
    });
  }

  /** Ends it, with the number of those whose details were not kept. */
  close(): void {
    for (const { step, code, documents, written } of this.#kinds.values()) {
      if (documents > written) this.#write({ kind: "more", step, code, documents: documents - written });
    }
    this.#file.close();
  }

  #kind(step: string, code: string): Kind {
    const key = `${step} ${code}`;
    let kind = this.#kinds.get(key);
    if (!kind) {
      this.#kinds.set(key, kind = { step, code, documents: 0, written: 0, pending: 0, details: [] });
    }
    return kind;
  }

  #write(record: ErrorRecord): void {
    const line = `${JSON.stringify(record)}\n`;
    this.bytes += utf8Length(line);
    this.#file.append(line, 1);
  }
}
