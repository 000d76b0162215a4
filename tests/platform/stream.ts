import type { TestPlatform } from "./support.ts";

/** One event as the stream tells it. */
export interface Told {
  id: string | undefined;
  type: string;
  data: Record<string, string>;
}

/** Reads `/api/v1/events`; disposing ends that. */
export class EventReader implements AsyncDisposable {
  readonly #reader: ReadableStreamDefaultReader<string>;
  readonly #read: Told[] = [];
  #rest = "";

  private constructor(reader: ReadableStreamDefaultReader<string>) {
    this.#reader = reader;
  }

  /** Opens the stream, after the event with this id if one is given. */
  static async open(test: Pick<TestPlatform, "platform" | "client" | "token">, lastId?: string) {
    const response = await fetch(`${test.platform.url}/api/v1/events`, {
      client: test.client,
      headers: {
        authorization: `Bearer ${test.token}`,
        ...(lastId === undefined ? {} : { "last-event-id": lastId }),
      },
    });
    return new EventReader(response.body!.pipeThrough(new TextDecoderStream()).getReader());
  }

  /** The next event. */
  async next(): Promise<Told> {
    for (;;) {
      const told = this.#read.shift();
      if (told) return told;
      const { value, done } = await this.#reader.read();
      if (done) throw new Error("the stream ended");
      const blocks = (this.#rest + value).split("\n\n");
      this.#rest = blocks.pop()!;
      for (const block of blocks) {
        if (!block.startsWith(":")) this.#read.push(parse(block));
      }
    }
  }

  /** The next event that `fits`. */
  async until(fits: (told: Told) => boolean): Promise<Told> {
    for (;;) {
      const told = await this.next();
      if (fits(told)) return told;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader.cancel();
  }
}

function parse(block: string): Told {
  const fields = new Map(block.split("\n").map((line) => line.split(/: (.*)/s, 2) as [string, string]));
  return { id: fields.get("id"), type: fields.get("event")!, data: JSON.parse(fields.get("data")!) };
}
