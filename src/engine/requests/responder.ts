import type { AnswerClass, AnswerParameters } from "../../protocol/answers.ts";

/** What answers the requests of one class, in the half that sees the data. */
export interface Responder<Parameters> {
  /**
   * The records of an answer, one after another, as the class's schema has them. Nothing is made before it is asked
   * for; when `signal` aborts, nobody asks any more. An answer may have no end of its own, such as the log of a run
   * that goes on.
   *
   * @throws {SallyportError} what the requester is told, without any data.
   */
  answer(parameters: Parameters, signal: AbortSignal): AsyncIterable<object>;
}

/** Every class that can be asked for has one. */
export type Responders = { readonly [C in AnswerClass]: Responder<AnswerParameters<C>> };
