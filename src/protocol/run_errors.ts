import type { ErrorCode } from "../base/errors.ts";

/** What a code means to the person who meets it in a run, and whether a later run may do better by itself. */
export interface RunErrorFacts {
  meaning: string;
  /** What an error that brings no answer of its own is taken for. */
  retryable: boolean;
  remedy: string;
}

/**
 * Everything that can go wrong in a run or in asking for one: the closed list behind `docs/errors.md`. The remedy
 * stands in for that of an error that was written down without one, such as that of a single document.
 */
export const RUN_ERRORS = {
  "process.invalid": {
    meaning:
      "The process does not fit this agent: its definition, or a folder that leads where none may lead.",
    retryable: false,
    remedy: "Correct the definition and check it with: sallyport process check FILE",
  },
  "source.unreadable": {
    meaning: "An input could not be read, or changed while it was read. Nothing of it was written.",
    retryable: true,
    remedy:
      "Check the folder and the file: are they there, with an owner and a mode that let the agent read them? " +
      "Let files arrive under another name and rename them when they are complete.",
  },
  "file.missing": {
    meaning: "An input vanished while it was read. Nothing of it was written.",
    retryable: false,
    remedy: "Whoever removes files from the source's folder must leave them to Sallyport.",
  },
  "document.malformed": {
    meaning: "A document could not be read: it is not what its format asks for.",
    retryable: false,
    remedy:
      "Look at the document in the dead letter, correct it where it comes from, and let it arrive again.",
  },
  "document.too-large": {
    meaning: "A document is over the limit of 16 MiB.",
    retryable: false,
    remedy: "Split it where it comes from. The dead letter holds its beginning; the input file is kept.",
  },
  "document.rejected": {
    meaning: "A step, or the writing, could not do its work on a document.",
    retryable: false,
    remedy:
      "Compare the document in the dead letter with what the step asks for, and correct either of the two.",
  },
  "sink.unwritable": {
    meaning: "An output could not be written, or not be given its name. No document is lost.",
    retryable: true,
    remedy: "Check the folder's owner, mode and file system. The inputs stay and are read again.",
  },
  "disk.full": {
    meaning: "No room was left on a file system. No document is lost.",
    retryable: true,
    remedy: "Free some room. The inputs stay and are read again.",
  },
  "state.unreadable": {
    meaning: "A file or database of the agent's own could not be read.",
    retryable: false,
    remedy: "Look after the disk, keep what is damaged, and restore the state folder from a backup.",
  },
  "home.locked": {
    meaning: "Another engine, or another run by hand, is at work in this home.",
    retryable: true,
    remedy: "Wait until it has ended.",
  },
  "run.failed": {
    meaning: "A run could not begin, because another of the same process has not ended.",
    retryable: true,
    remedy: "Wait until that run has ended and try again.",
  },
  "run.unknown": {
    meaning: "No run of this agent has the id that was given.",
    retryable: false,
    remedy: "`sallyport runs` lists the runs that are known, with their ids.",
  },
  "run.purged": {
    meaning: "The run is over, and its log was removed: it was too old, or newer ones needed the room.",
    retryable: false,
    remedy: "What the run came to is still known: `sallyport runs`. Ask for logs earlier.",
  },
  "internal": {
    meaning: "A defect of Sallyport. Its words are left out where they may quote a document.",
    retryable: false,
    remedy: "Report it, with the causes that are listed and `sallyport --version`.",
  },
} as const satisfies Partial<Record<ErrorCode, RunErrorFacts>>;

type RunErrorCode = keyof typeof RUN_ERRORS;

/** What is known of a code; one from elsewhere is a defect. */
export function runErrorFacts(code: string): RunErrorFacts {
  return RUN_ERRORS[code as RunErrorCode] ?? RUN_ERRORS.internal;
}
