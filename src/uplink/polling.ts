import type { Clock } from "../base/clock.ts";
import { fromBase64Url } from "../base/encoding.ts";
import { asSallyportError, messageOf, SallyportError } from "../base/errors.ts";
import { MAX_MESSAGE_BYTES, MAX_RETRY_AFTER_MS } from "../base/limits.ts";
import { CLOSE } from "../protocol/closing.ts";
import { addHeader, removeHeader } from "../protocol/codec.ts";
import type { PolledAnswer } from "../protocol/polling.ts";
import {
  decodeAnswer,
  MAX_ANSWER_BYTES,
  PLAIN_TYPE,
  readBody,
  SEALED_TYPE,
  sealingContext,
} from "../protocol/polling.ts";
import type { Proof } from "../protocol/proof.ts";
import { CHALLENGE_HEADER, PROBE_HEADER } from "../protocol/proof.ts";
import { readCertificate } from "../trust/certificate.ts";
import { seal, SEALING_BYTES } from "../trust/sealing.ts";
import { asConnectionError } from "./connection_error.ts";
import type { OpenSocket, Socket, SocketClosed, SocketListener, SocketOptions } from "./socket.ts";
import { SocketEvents, through } from "./socket.ts";
import type { OperatorCas } from "./tls_client.ts";
import { createTlsClient } from "./tls_client.ts";

/** How long one request may take, from the connection to the end of its answer. */
const REQUEST_MS = 30_000;
/** How long what was sent before a close may take to leave. */
const FLUSH_MS = 2_000;
/** What an error page may say in an error of ours. */
const MAX_WORDS = 200;

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * Opens connections that poll over HTTP (OpAMP, "Plain HTTP Transport"), with the same mutual TLS as a WebSocket:
 * each frame that is sent is a POST, one after another, and each answer is a message. What the platform wants to say
 * waits for the next heartbeat. With a challenge, the first message is the proof, and what follows is sealed.
 */
export function pollingOpener(clock: Clock, operatorCas: OperatorCas): OpenSocket {
  return async (options, signal) => {
    const socket = new PollingSocket(options, createTlsClient(options, await operatorCas()), clock);
    if (options.challenge === undefined) return socket; // the first message will show whether somebody is there
    try {
      await socket.askForProof(options, signal);
      return socket;
    } catch (error) {
      socket.cut();
      throw asConnectionError(
        options.authority,
        error instanceof BadStatus ? notServed(options, error) : error,
      );
    }
  };
}

function notServed({ authority }: SocketOptions, { how }: BadStatus): SallyportError {
  const { reason, retryAfterMs } = how;
  return new SallyportError("platform.unreachable", `${authority} does not serve HTTP polling: ${reason}`, {
    retryable: true,
    ...(retryAfterMs === undefined ? {} : { facts: { retryAfterMs } }),
    remedy: "Look for a proxy that ends TLS on the way, and whether the address is that of the platform.",
  });
}

/** An answer that is none of OpAMP's. */
class BadStatus extends Error {
  readonly how: SocketClosed;
  constructor(how: SocketClosed) {
    super(how.reason);
    this.how = how;
  }
}

class PollingSocket implements Socket {
  readonly transport = "polling";
  readonly #options: SocketOptions;
  readonly #clock: Clock;
  readonly #client: Deno.HttpClient;
  readonly #url: string;
  readonly #events = new SocketEvents();
  readonly #outbox: Bytes[] = [];
  readonly #cut = new AbortController();
  #sealingKey: Bytes | undefined;
  #sending = false;
  /** How it ends once everything has left. */
  #ending: SocketClosed | undefined;
  #isOver = false;
  #cancelFlush = () => {};

  constructor(options: SocketOptions, client: Deno.HttpClient, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
    this.#client = client;
    this.#url = `https://${options.authority}${options.path}`;
  }

  /** The platform's proof becomes the first message. Nothing but the challenge is sent. */
  async askForProof({ challenge, probe }: SocketOptions, signal: AbortSignal): Promise<void> {
    const headers = {
      [CHALLENGE_HEADER]: challenge!,
      ...(probe ? { [PROBE_HEADER]: "1" } : {}),
      "content-type": PLAIN_TYPE,
    };
    const message = await this.#post(headers, new Uint8Array(), PLAIN_TYPE, signal);
    this.#tell(message);
  }

  listen(listener: SocketListener): void {
    this.#events.listen(listener);
  }

  proved({ sealingKey }: Proof): void {
    if (sealingKey === undefined) {
      throw new SallyportError(
        "platform.not-proved",
        "the proof names no key to which messages can be sealed",
        {
          retryable: true,
          remedy: "Update the platform.",
        },
      );
    }
    this.#sealingKey = fromBase64Url(sealingKey);
  }

  send(frame: Bytes): void {
    if (this.#ending) return;
    this.#outbox.push(removeHeader(frame));
    void this.#drain();
  }

  close(code: number, reason: string): void {
    if (this.#ending) return;
    this.#ending = { code, reason };
    if (!this.#sending) return this.#end(this.#ending);
    this.#cancelFlush = this.#clock.after(FLUSH_MS, () => this.cut());
  }

  /** Ends it at once. */
  cut(): void {
    this.#cut.abort();
    this.#end(this.#ending ?? { code: CLOSE.normal, reason: "" });
  }

  async #drain(): Promise<void> {
    if (this.#sending) return;
    this.#sending = true;
    for (let body = this.#outbox.shift(); body && !this.#isOver; body = this.#outbox.shift()) {
      try {
        this.#take(await this.#exchange(body));
      } catch (error) {
        this.#end(error instanceof BadStatus ? error.how : { code: 1006, reason: this.#wordsOf(error) });
      }
    }
    this.#sending = false;
    if (this.#ending) this.#end(this.#ending);
  }

  #take({ message, more, closed }: PolledAnswer): void {
    if (this.#isOver) return;
    this.#tell(message);
    if (more) this.#events.tell((listener) => listener.more?.());
    if (closed !== 0) this.#end({ code: closed, reason: "" });
  }

  async #exchange(body: Bytes): Promise<PolledAnswer> {
    if (this.#options.challenge === undefined) {
      const message = await this.#post({ "content-type": PLAIN_TYPE }, body, PLAIN_TYPE);
      return { message, more: false, closed: 0 };
    }
    const { authority, path, certificate } = this.#options;
    if (!this.#sealingKey) throw new Error("a message was sent before the platform was proved");
    const context = sealingContext(path, authority, readCertificate(certificate).fingerprint);
    const sealed = await seal(this.#sealingKey, context, body);
    const answer = await this.#post({ "content-type": SEALED_TYPE }, sealed.body, SEALED_TYPE);
    return decodeAnswer(await sealed.openAnswer(answer));
  }

  /** The body of the answer to one request. */
  async #post(
    headers: Record<string, string>,
    body: Bytes,
    answerType: string,
    stop: AbortSignal = this.#cut.signal,
  ): Promise<Bytes> {
    const timeout = new AbortController();
    const cancel = this.#clock.after(REQUEST_MS, () => timeout.abort());
    const signal = AbortSignal.any([stop, this.#cut.signal, timeout.signal]);
    try {
      const response = await fetch(this.#url, {
        method: "POST",
        client: this.#client,
        headers,
        body,
        signal,
        redirect: "manual",
      });
      if (response.status !== 200) throw new BadStatus(await whyNot(response));
      if (response.headers.get("content-type") !== answerType) {
        await response.body?.cancel();
        throw new BadStatus({ code: 1006, reason: "something that is not OpAMP answers there" });
      }
      return await readBody(response.body, MAX_ANSWER_BYTES + SEALING_BYTES);
    } catch (error) {
      if (timeout.signal.aborted) throw new Error(`nothing came within ${REQUEST_MS / 1_000} s`);
      throw error;
    } finally {
      cancel();
    }
  }

  #tell(message: Bytes): void {
    if (message.length > MAX_MESSAGE_BYTES) throw new Error(`a message has ${message.length} bytes`);
    const frame = addHeader(message);
    this.#events.tell((listener) => listener.message(frame));
  }

  #wordsOf(error: unknown): string {
    return asSallyportError(error).code === "internal"
      ? asConnectionError(this.#options.authority, error).message
      : messageOf(error);
  }

  #end(how: SocketClosed): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#ending ??= how;
    this.#outbox.length = 0;
    this.#cancelFlush();
    this.#client.close();
    this.#events.tell((listener) => listener.closed(how));
  }
}

/** What a status other than 200 means. A proxy's answer looks like the platform's here, so it decides little. */
async function whyNot(response: Response): Promise<SocketClosed> {
  const text = await readBody(response.body, MAX_MESSAGE_BYTES).then(
    (bytes) => new TextDecoder().decode(bytes.subarray(0, 4 * MAX_WORDS)),
    () => "",
  );
  const words = wordsOf(text).slice(0, MAX_WORDS);
  const reason = `the server answered${through(response)} ${response.status}${words ? `: ${words}` : ""}`;
  const seconds = Number(response.headers.get("retry-after") ?? 0);
  return {
    code: 1006,
    reason,
    ...(seconds > 0 ? { retryAfterMs: Math.min(seconds * 1_000, MAX_RETRY_AFTER_MS) } : {}),
  };
}

/** The message of the platform's JSON errors, or of anything else its text: what is printable of it, on one line. */
function wordsOf(page: string): string {
  let text = page;
  try {
    const { error } = JSON.parse(page);
    if (typeof error.message === "string") text = error.message;
  } catch {
    // a page of somebody else's
  }
  return text.replaceAll(/<[^>]*>/g, " ").replaceAll(/[^\x21-\x7e]+/g, " ").trim();
}
