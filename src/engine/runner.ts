import type { Clock } from "../base/clock.ts";
import { asSallyportError, isDatabaseDamage, SallyportError } from "../base/errors.ts";
import { bothLogs } from "../base/log.ts";
import type { Log } from "../base/log.ts";
import type { Documents } from "../protocol/payloads/data.ts";
import type { TrackedFile, TriggerKind } from "../protocol/payloads/tracking.ts";
import type { Batch, DocumentFailure } from "./batch.ts";
import type { ConnectorContext, Input, SinkRun } from "./connector.ts";
import { DeadLetter } from "./dead_letter.ts";
import type { Process } from "./definition/definition.ts";
import { performJournal } from "./journal.ts";
import type { JournalEntry } from "./journal.ts";
import { Meter } from "./logs/meter.ts";
import type { Stage } from "./logs/meter.ts";
import type { RunLog } from "./logs/run_log.ts";
import type { RunLogs } from "./logs/store.ts";
import { checkFolder } from "./paths.ts";
import { runError } from "./runs.ts";
import type { RunHead, RunResult, Runs } from "./runs.ts";
import type { Step } from "./steps/step.ts";
import { toldMessage } from "./told.ts";
import type { TrackedFields } from "./tracked_fields.ts";

/** What a run needs around it. */
export interface RunContext {
  runs: Runs;
  logs: RunLogs;
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
  const { runs, logs } = context;
  const head = runs.begin(process, trigger);
  const runLog = logs.begin(head);
  const log = logOf(head, runLog, context.log);
  log.info("run started", { trigger, files: inputs.length });
  const pass = new Pass(process, head, runLog, { ...context, log });
  let decided: { result: RunResult; journal: JournalEntry[] };
  try {
    decided = await pass.work(inputs);
    runs.commit(head, decided.result, decided.journal, pass.documents());
  } catch (thrown) {
    await pass.abandon();
    if (isDatabaseDamage(thrown)) throw thrown; // the run is not to blame
    const error = asSallyportError(thrown);
    const result = pass.failure(error);
    if (result.error) runLog.failures.error("run", error, { step: pass.at });
    runs.finishAbandoned(head, result);
    logEnd(log, result);
    logs.close(runLog, head, { ended: true });
    return { head, ...result };
  }
  await completeRun({ head, plan: decided }, context, runLog);
  return { head, ...decided.result };
}

/** Performs the journal of a decided run and finishes it: also for runs that a crash left so. */
export async function completeRun(
  { head, plan }: { head: RunHead; plan: { result: RunResult; journal: JournalEntry[] } },
  { runs, logs, dataFolder, log }: Pick<RunContext, "runs" | "logs" | "dataFolder" | "log">,
  runLog: RunLog,
): Promise<void> {
  const own = logOf(head, runLog, log);
  let ended = false;
  try {
    await performJournal(plan.journal, dataFolder, own);
    runs.finishCommitted(head, plan.result, plan.journal);
    logEnd(own, plan.result);
    ended = true;
  } catch (error) {
    runLog.log.error("the run is decided, but cannot be completed yet", toldFacts(asSallyportError(error)));
    throw error;
  } finally {
    logs.close(runLog, head, { ended });
  }
}

/** What is said of a run stands in its log and in that of the engine. */
export function logOf({ process, runId }: RunHead, runLog: RunLog, log: Log): Log {
  return bothLogs(runLog.log, log.child({ process, run: runId }));
}

function logEnd(log: Log, { outcome, documents, error }: RunResult): void {
  const facts = { outcome, in: documents.in, out: documents.out, failed: documents.failed };
  if (outcome === "failed") log.error("run ended", { ...facts, code: error?.code, reason: error?.message });
  else if (outcome === "succeeded") log.info("run ended", facts);
  else log.warn("run ended", { ...facts, code: error?.code, reason: error?.message });
}

function toldFacts(error: SallyportError): { code: string; reason: string } {
  return { code: error.code, reason: toldMessage(error) };
}

/** The way of the documents of one run, up to where it is decided. */
class Pass {
  readonly #process: Process;
  readonly #context: RunContext;
  readonly #runLog: RunLog;
  readonly #meter: Meter;
  readonly #source: Stage;
  readonly #steps: readonly { stage: Stage; step: Step }[];
  readonly #sinkStage: Stage;
  readonly #sink: SinkRun;
  readonly #deadLetter: DeadLetter;
  readonly #head: RunHead;
  /** Undefined when no fields of documents are taken. */
  readonly #tracked: { fields: TrackedFields; stage: Stage } | undefined;
  #count = { in: 0, failed: 0 };
  #bytesIn = 0;
  #sources: TrackedFile[] = [];
  #journal: JournalEntry[] = [];
  #inputErrors: { error: SallyportError; input: Input }[] = [];

  constructor(process: Process, head: RunHead, runLog: RunLog, context: RunContext) {
    this.#process = process;
    this.#context = context;
    this.#runLog = runLog;
    const { dataFolder, clock, log } = context;
    const run = { id: head.runId, startedAt: Date.parse(head.startedAt) };
    const meter = this.#meter = new Meter(clock, run.startedAt);
    this.#head = head;
    this.#source = meter.stage("source");
    const fields = context.runs.track(process, log.child({ step: "track" }));
    this.#tracked = fields && { fields, stage: meter.stage("track") };
    this.#steps = process.steps.map((plan) => ({
      stage: meter.stage(plan.field),
      step: plan.start({ log: log.child({ step: plan.field }) }),
    }));
    this.#sinkStage = meter.stage("sink");
    runLog.measure(() => meter.steps());
    const sinkContext = { ...context, log: log.child({ step: "sink" }) };
    this.#sink = process.sink.open(run, connectorContext(process, sinkContext));
    const { deadLetterFolder } = process;
    this.#deadLetter = new DeadLetter(`${dataFolder}/${deadLetterFolder}`, deadLetterFolder, head.runId);
  }

  /** The stage that is at work. */
  get at(): string | undefined {
    return this.#meter.current?.name;
  }

  async work(inputs: readonly Input[]): Promise<{ result: RunResult; journal: JournalEntry[] }> {
    await checkFolder(this.#context.dataFolder, this.#process.deadLetterFolder);
    for (const input of inputs) await this.#take(input);
    for (const { step } of this.#steps) step.finish?.();
    this.#meter.enter(this.#sinkStage);
    const out = await this.#sink.prepare();
    this.#meter.enter(undefined);
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

  /** What the platform is told of the documents. */
  documents(): Documents[] {
    return this.#tracked?.fields.records(this.#head) ?? [];
  }

  async abandon(): Promise<void> {
    await this.#sink.abandon();
    await this.#deadLetter.abandon();
  }

  /** Takes one input through. One that fails as a whole is taken back, and the run goes on with the others. */
  async #take(input: Input): Promise<void> {
    const before = { ...this.#count, bytesIn: this.#bytesIn };
    const { failures, log } = this.#runLog;
    this.#meter.mark();
    this.#meter.enter(this.#sinkStage);
    await this.#sink.begin(input);
    this.#deadLetter.begin(input.name);
    failures.begin(input);
    this.#tracked?.fields.begin(input);
    try {
      let keep = false;
      this.#meter.enter(this.#source);
      for await (const batch of input.batches()) {
        this.#checkSignal();
        if (batch.unread.some(({ cut }) => cut)) keep = true;
        await this.#through(batch);
        this.#runLog.tick();
        this.#context.onProgress?.({
          file: input.name,
          documentsIn: this.#count.in,
          documentsFailed: this.#count.failed,
          bytesIn: this.#bytesIn,
        });
        this.#meter.enter(this.#source);
      }
      this.#journal.push(...await input.settle(keep, this.#process.deadLetterFolder));
    } catch (error) {
      if (!isInputError(error)) throw error;
      await this.#sink.takeBack();
      await this.#deadLetter.takeBack();
      this.#count = { in: before.in, failed: before.failed };
      this.#bytesIn = before.bytesIn;
      this.#inputErrors.push({ error, input });
      this.#meter.takeBack();
      failures.takeBack();
      this.#tracked?.fields.takeBack();
      failures.error("input", error, { step: this.#source.name, input });
      const step = this.#source.name;
      this.#context.log.warn("an input failed as a whole", { step, ...toldFacts(error) });
      return;
    }
    this.#meter.enter(this.#sinkStage);
    await this.#sink.end();
    this.#meter.enter(undefined);
    await this.#deadLetter.end();
    failures.end();
    const { name, directory } = input;
    const bytes = this.#bytesIn - before.bytesIn;
    const documents = this.#count.in - before.in;
    const failed = this.#count.failed - before.failed;
    this.#sources.push({ role: "source", name, directory, bytes, documents, failed });
    const facts = { step: this.#source.name, file: name, directory, bytes, documents, failed };
    if (failed > 0) log.warn("an input was read, and documents of it failed", facts);
    else log.info("an input was read", facts);
  }

  async #through(batch: Batch): Promise<void> {
    const read = batch.documents.length + batch.unread.length;
    this.#count.in += read;
    this.#bytesIn += batch.bytes;
    this.#source.in += read;
    this.#source.out += batch.documents.length;
    for (const { failure, row, line, original, cut } of batch.unread) {
      this.#fail(this.#source, failure, { row, line, original, cut });
    }
    if (this.#tracked) await this.#track(batch, this.#tracked);
    for (const { stage, step } of this.#steps) {
      this.#meter.enter(stage);
      stage.in += batch.documents.length;
      const waiting = step.apply(
        batch,
        (row, failure) => this.#fail(stage, failure, { row, ...batch.locate(row) }),
      );
      if (waiting) {
        await waiting;
        this.#checkSignal();
      }
      stage.out += batch.documents.length;
    }
    const sink = this.#sinkStage;
    this.#meter.enter(sink);
    const failedBefore = sink.failed;
    await this.#sink.write(
      batch,
      (row, failure) => this.#fail(sink, failure, { row, ...batch.locate(row) }),
    );
    const written = batch.documents.length - (sink.failed - failedBefore);
    sink.in += batch.documents.length;
    sink.out += written;
    this.#tracked?.fields.settle(batch);
    this.#meter.enter(undefined);
    await this.#deadLetter.flush();
    this.#runLog.log.debug("a batch went through", {
      read,
      written,
      bytes: batch.bytes,
    });
  }

  async #track(
    batch: Batch,
    { fields, stage }: { fields: TrackedFields; stage: Stage },
  ): Promise<void> {
    this.#meter.enter(stage);
    stage.in += batch.documents.length;
    await fields.read(batch);
    stage.out += batch.documents.length;
    this.#checkSignal();
  }

  #fail(
    stage: Stage,
    failure: DocumentFailure,
    place: { row: number; line: number; original: string; cut?: boolean },
  ): void {
    this.#count.failed++;
    stage.failed++;
    this.#tracked?.fields.failed(place.row);
    this.#deadLetter.add(failure, { step: stage.name, ...place });
    this.#runLog.failures.document(failure, { step: stage.name, row: place.row, line: place.line });
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
