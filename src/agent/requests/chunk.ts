import type { ErrorCode } from "../../base/errors.ts";
import { utf8Length } from "../../base/encoding.ts";
import { MAX_CHUNK_BYTES } from "../../base/limits.ts";
import type { StoredChunk, StoredRequest } from "../../engine/requests/store.ts";
import { judgeAnswer } from "../../gate/answers.ts";
import { bytesLeft, overBudget } from "../../gate/budget.ts";
import type { Policy } from "../../gate/policy/policy.ts";
import type { Circumstances } from "../../gate/verdict.ts";
import { answerLine, chunkHash } from "../../protocol/answers.ts";
import { CUSTOM } from "../../protocol/capabilities.ts";
import type { CustomMessageInit } from "../../protocol/messages.ts";
import { jsonMessage } from "../../protocol/messages.ts";
import type { Chunk } from "../../protocol/payloads/requests.ts";

/** A chunk that may leave, and what is to be noted of it. */
export interface ComposedChunk {
  message: CustomMessageInit;
  shaped: { number: number; lines: string; sha256: string; records: number; bytes: number };
  /** Whether it leaves for the first time. */
  isNew: boolean;
}

/** Why an answer cannot go on. */
export interface Stopped {
  state: "refused" | "failed";
  code: ErrorCode;
  words: string;
}

/** Gives a chunk that the engine made the form in which it may leave: every record is judged once more. */
export function composeChunk(
  request: StoredRequest,
  { number, lines, isLast, sha256 }: StoredChunk,
  policy: Policy,
  circumstances: Circumstances,
): ComposedChunk | Stopped {
  const { id, class: payloadClass } = request;
  const shaped = shapeLines(request, lines, policy);
  if (!shaped) {
    return { state: "failed", code: "internal", words: "the answer held what its class does not carry" };
  }
  const isNew = sha256 === null;
  // It may have arrived in its earlier form, and then what follows would not fit to it.
  if (!isNew && shaped.lines !== lines) {
    return { state: "failed", code: "request.interrupted", words: "the policy changed during the answer" };
  }
  const bytes = utf8Length(shaped.lines);
  const hash = sha256 ?? chunkHash(request.sha256, shaped.lines);
  const counted = isNew ? { records: shaped.records.length, bytes } : { records: 0, bytes: 0 };
  const last = { records: request.records + counted.records, bytes: request.bytes + counted.bytes };
  const chunk: Chunk = {
    id,
    index: number,
    records: shaped.records,
    sha256: hash,
    ...(isLast ? { last } : {}),
  };
  const message = jsonMessage(CUSTOM[payloadClass], "chunk", chunk);
  if (message.data.length > MAX_CHUNK_BYTES) {
    return { state: "failed", code: "internal", words: "a part of the answer is larger than a message" };
  }
  if (message.data.length > bytesLeft(payloadClass, policy, circumstances)) {
    return { state: "refused", code: "request.refused", words: overBudget(payloadClass, policy) };
  }
  return {
    message,
    shaped: { number, lines: shaped.lines, sha256: hash, records: shaped.records.length, bytes },
    isNew,
  };
}

/** Lines of an answer in the form in which they may leave; undefined when one is not what its class carries. */
export function shapeLines(
  { class: payloadClass, parameters }: Pick<StoredRequest, "class" | "parameters">,
  lines: string,
  policy: Policy,
): { lines: string; records: object[] } | undefined {
  const asked = JSON.parse(parameters);
  const records: object[] = [];
  for (const line of lines.split("\n")) {
    if (line === "") continue;
    const { payload } = judgeAnswer(payloadClass, JSON.parse(line), asked, policy);
    if (!payload) return undefined;
    records.push(payload);
  }
  return { lines: records.map(answerLine).join(""), records };
}
