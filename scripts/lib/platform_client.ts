/** A small client of the platform's API, for the demo, the benchmarks and the tests. */
export class PlatformClient {
  readonly #url: string;
  readonly #token: string;
  readonly #client: Deno.HttpClient;

  constructor(url: string, token: string, ca: string) {
    this.#url = url;
    this.#token = token;
    this.#client = Deno.createHttpClient({ caCerts: [ca] });
  }

  get<T>(path: string): Promise<T> {
    return this.call("GET", path);
  }

  /** The answer to a GET as it comes. */
  stream(path: string, signal?: AbortSignal): Promise<Response> {
    return fetch(`${this.#url}/api/v1${path}`, {
      client: this.#client,
      headers: { authorization: `Bearer ${this.#token}` },
      ...(signal ? { signal } : {}),
    });
  }

  /** Calls `/api/v1` + path; rejects with the platform's message when it refuses. */
  async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(`${this.#url}/api/v1${path}`, {
      method,
      client: this.#client,
      headers: { authorization: `Bearer ${this.#token}`, "content-type": "application/json" },
      body: body === undefined ? null : JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return (text === "" ? undefined : JSON.parse(text)) as T;
  }

  /** A bundle for one new agent. */
  async bundle(): Promise<string> {
    return (await this.call<{ bundle: string }>("POST", "/enrolments", {})).bundle;
  }

  /** Publishes a process to all agents. */
  async publish(name: string, definition: string): Promise<void> {
    await this.call("PUT", `/processes/${name}`, { definition });
  }

  close(): void {
    this.#client.close();
  }
}
