import type { Clock } from "../base/clock.ts";
import { asSallyportError, SallyportError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { TrackedFile, TriggerKind } from "../protocol/payloads/tracking.ts";
import type { Batch, DocumentFailure } from "./batch.ts";
import type { ConnectorContext, Input, SinkRun } from "./connector.ts";
import { DeadLetter } from "./dead_letter.ts";
import type { Process } from "./definition/definition.ts";
import { performJournal } from "./journal.ts";
import type { JournalEntry } from "./journal.ts";
import { checkFolder } from "./paths.ts";
import { runError } from "./runs.ts";
import type { RunHead, RunResult, Runs } from "./runs.ts";
import type { Step } from "./steps/step.ts";

/** What a run needs around it. */
export interface RunContext {
  runs: Runs;
  dataFolder: string;
  clock: Clock;
  log: Log;
  /** Aborts a run that is not decided yet: it becomes `interrupted`, and its inputs stay. */
  signal: AbortSignal;
  /** Told after every batch. */
  onProgress?: ((progress: RunProgress) => void) | undefined;
}

/** How far a run is. */
export interface RunProgress {
  file: string;
  documentsIn: number;
  documentsFailed: number;
  bytesIn: number;
}

/** A run that has ended. */
export interface RunReport extends RunResult {
  head: RunHead;
}

/**
 * Runs a process once over the inputs that wait.
 *
 * 1. The run's record and its first tracking record are written.
 * 2. Documents go from the inputs through the steps into temporary files, which are then made durable.
 * 3. One transaction decides the run and keeps the journal of what is left to do.
 * 4. The journal is performed: outputs get their names, inputs are moved, deleted or marked.
 * 5. One transaction finishes the run, with its tracking records.
 *
 * A crash before 3 leaves nothing but temporary files; a crash after it is made good by {@linkcode completeRun}.
 *
 * @throws {SallyportError} `sink.unwritable` when the run is decided but step 4 must be tried again.
 */
export async function runProcess(
  process: Process,
  trigger: TriggerKind,
  inputs: readonly Input[],
  context: RunContext,
): Promise<RunReport> {
  const { runs } = context;
  const head = runs.begin(process, trigger);
  const log = context.log.child({ process: process.name, run: head.runId });
  log.info("run started", { trigger, files: inputs.length });
  const pass = new Pass(process, head, { ...context, log });
  let decided: { result: RunResult; journal: JournalEntry[] };
  try {
    decided = await pass.work(inputs);
    runs.commit(head, decided.result, decided.journal);
  } catch (error) {
    await pass.abandon();
    const result = pass.failure(asSallyportError(error));
    runs.finishAbandoned(head, result);
    logEnd(log, result);
    return { head, ...result };
  }
  await completeRun({ head, plan: decided }, context);
  return { head, ...decided.result };
}

/** Performs the journal of a decided run and finishes it: also for runs that a crash left so. */
export async function completeRun(
  { head, plan }: { head: RunHead; plan: { result: RunResult; journal: JournalEntry[] } },
  { runs, dataFolder, log }: Pick<RunContext, "runs" | "dataFolder" | "log">,
): Promise<void> {
  const own = log.child({ process: head.process, run: head.runId });
  await performJournal(plan.journal, dataFolder, own);
  runs.finishCommitted(head, plan.result, plan.journal);
  logEnd(own, plan.result);
}

function logEnd(log: Log, { outcome, documents, error }: RunResult): void {
  const facts = { outcome, in: documents.in, out: documents.out, failed: documents.failed };
  if (outcome === "failed") log.error("run ended", { ...facts, code: error?.code, reason: error?.message });
  else if (outcome === "succeeded") log.info("run ended", facts);
  else log.warn("run ended", { ...facts, code: error?.code, reason: error?.message });
}

/** The way of the documents of one run, up to where it is decided. */
class Pass {
  readonly #process: Process;
  readonly #context: RunContext;
  readonly #sink: SinkRun;
  readonly #deadLetter: DeadLetter;
  readonly #steps: readonly { field: string; step: Step }[];
  #count = { in: 0, failed: 0 };
  #bytesIn = 0;
  #sources: TrackedFile[] = [];
  #journal: JournalEntry[] = [];
  #inputErrors: { error: SallyportError; input: Input }[] = [];

  constructor(process: Process, head: RunHead, context: RunContext) {
    this.#process = process;
    this.#context = context;
    const { dataFolder, log } = context;
    const run = { id: head.runId, startedAt: Date.parse(head.startedAt) };
    this.#sink = process.sink.open(run, connectorContext(process, context));
    const { deadLetterFolder } = process;
    this.#deadLetter = new DeadLetter(`${dataFolder}/${deadLetterFolder}`, deadLetterFolder, head.runId);
    this.#steps = process.steps.map((plan) => ({ field: plan.field, step: plan.start({ log }) }));
  }

  async work(inputs: readonly Input[]): Promise<{ result: RunResult; journal: JournalEntry[] }> {
    await checkFolder(this.#context.dataFolder, this.#process.deadLetterFolder);
    for (const input of inputs) await this.#take(input);
    for (const { step } of this.#steps) step.finish?.();
    const out = await this.#sink.prepare();
    const dead = await this.#deadLetter.prepare();
    this.#checkSignal();
    const documentsOut = out.files.reduce((sum, { documents }) => sum + documents, 0);
    const { in: documentsIn, failed } = this.#count;
    const [failure] = this.#inputErrors;
    const nothingDone = failure !== undefined && this.#sources.length === 0;
    return {
      result: {
        outcome: nothingDone ? "failed" : failure || failed > 0 ? "partial" : "succeeded",
        documents: {
          in: documentsIn,
          out: documentsOut,
          filtered: documentsIn - documentsOut - failed,
          failed,
        },
        bytesIn: this.#bytesIn,
        bytesOut: out.files.reduce((sum, { bytes }) => sum + bytes, 0),
        files: [...this.#sources, ...out.files, ...dead.files],
        error: failure && runError(failure.error, failure.input),
      },
      // Outputs first: an input is only put away when what became of it stands in its place.
      journal: [...out.journal, ...dead.journal, ...this.#journal],
    };
  }

  /** What the record says of a run that was given up: nothing was published. */
  failure(error: SallyportError): RunResult {
    return {
      outcome: error instanceof Interrupted ? "interrupted" : "failed",
      documents: { in: this.#count.in, out: 0, filtered: 0, failed: 0 },
      bytesIn: this.#bytesIn,
      bytesOut: 0,
      files: [],
      error: error instanceof Interrupted ? undefined : runError(error),
    };
  }

  async abandon(): Promise<void> {
    await this.#sink.abandon();
    await this.#deadLetter.abandon();
  }

  /** Takes one input through. One that fails as a whole is taken back, and the run goes on with the others. */
  async #take(input: Input): Promise<void> {
    const before = { ...this.#count, bytesIn: this.#bytesIn };
    await this.#sink.begin(input);
    this.#deadLetter.begin(input.name);
    try {
      let keep = false;
      for await (const batch of input.batches()) {
        this.#checkSignal();
        if (batch.unread.some(({ cut }) => cut)) keep = true;
        await this.#through(batch);
        this.#context.onProgress?.({
          file: input.name,
          documentsIn: this.#count.in,
          documentsFailed: this.#count.failed,
          bytesIn: this.#bytesIn,
        });
      }
      this.#journal.push(...await input.settle(keep, this.#process.deadLetterFolder));
    } catch (error) {
      if (!isInputError(error)) throw error;
      await this.#sink.takeBack();
      await this.#deadLetter.takeBack();
      this.#count = { in: before.in, failed: before.failed };
      this.#bytesIn = before.bytesIn;
      this.#inputErrors.push({ error, input });
      this.#context.log.warn("an input failed as a whole", { code: error.code, reason: error.message });
      return;
    }
    await this.#sink.end();
    await this.#deadLetter.end();
    const { name, directory } = input;
    this.#sources.push({
      role: "source",
      name,
      directory,
      bytes: this.#bytesIn - before.bytesIn,
      documents: this.#count.in - before.in,
      failed: this.#count.failed - before.failed,
    });
  }

  async #through(batch: Batch): Promise<void> {
    this.#count.in += batch.documents.length + batch.unread.length;
    this.#bytesIn += batch.bytes;
    for (const { failure, row, line, original, cut } of batch.unread) {
      this.#count.failed++;
      this.#deadLetter.add(failure, { step: "source", row, line, original, cut });
    }
    for (const { field, step } of this.#steps) {
      const waiting = step.apply(batch, (row, failure) => this.#fail(batch, field, row, failure));
      if (waiting) {
        await waiting;
        this.#checkSignal();
      }
    }
    await this.#sink.write(batch, (row, failure) => this.#fail(batch, "sink", row, failure));
    await this.#deadLetter.flush();
  }

  #fail(batch: Batch, step: string, row: number, failure: DocumentFailure): void {
    this.#count.failed++;
    this.#deadLetter.add(failure, { step, row, ...batch.locate(row) });
  }

  #checkSignal(): void {
    if (this.#context.signal.aborted) throw new Interrupted();
  }
}

/** What the connectors of a process get to work with. */
export function connectorContext(
  process: Process,
  { runs, dataFolder, clock, log }: Pick<RunContext, "runs" | "dataFolder" | "clock" | "log">,
): ConnectorContext {
  return { dataFolder, process: process.name, marks: runs.marks, clock, log };
}

class Interrupted extends SallyportError {
  constructor() {
    super("run.failed", "the run was interrupted", { retryable: true });
  }
}

function isInputError(error: unknown): error is SallyportError {
  return error instanceof SallyportError &&
    (error.code === "source.unreadable" || error.code === "file.missing");
}
