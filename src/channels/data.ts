import { CUSTOM } from "../protocol/capabilities.ts";
import type { AnswerOptions } from "./answers.ts";
import { takeAnswer } from "./answers.ts";
import type { Channel } from "./channel.ts";

/** Data: the fields of documents that processes track. What is wrong with records is told by the tracking channel. */
export function dataChannel(options: AnswerOptions): Channel {
  return {
    name: "data",
    bits: 0n,
    custom: [CUSTOM.data],
    receive: (message) => takeAnswer(CUSTOM.data, message, options),
  };
}
