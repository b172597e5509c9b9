/**
 * A thin REST client: one request, one answer, checked against its schema, with the server's error passed on as it is.
 *
 * Uses the platform's `fetch`, so it runs in Node and in browsers. It never retries by itself: callers know which of
 * their calls are idempotent.
 */
import { AppError, type ErrorSpec } from "@cyxwiz/primitives";
import type { z } from "zod";
import { errorSchema, type ErrorBody } from "./shared-schemas.ts";

export const REST_CLIENT_ERRORS: {
  readonly UNREACHABLE: ErrorSpec<{ url: string; reason: string }>;
  readonly REFUSED: ErrorSpec<{ status: number; body: ErrorBody }>;
  readonly ANSWER_UNEXPECTED: ErrorSpec<{ url: string; status: number; detail: string }>;
} = {
  UNREACHABLE: {
    code: "protocol/unreachable",
    rpc: "unavailable",
    retry: "backoff",
    message: (c) => `cannot reach ${c.url} (${c.reason}): is the Central Server running, and is the address right?`,
  },
  REFUSED: {
    code: "protocol/refused",
    rpc: "failed-precondition",
    retry: "never",
    message: (c) => c.body.error,
  },
  ANSWER_UNEXPECTED: {
    code: "protocol/answer-unexpected",
    rpc: "internal",
    retry: "never",
    message: (c) => `${c.url} answered ${c.status} with something that is not a CyxWiz answer: ${c.detail}`,
  },
};

export interface RestClientOptions {
  /** Like http://localhost:8080, without `/api`. */
  readonly baseUrl: string;
  readonly token?: () => string | undefined;
}

export interface RestRequest<T> {
  readonly body?: unknown;
  readonly schema: z.ZodType<T>;
  readonly idempotencyKey?: string;
  readonly signal?: AbortSignal;
}

export class RestClient {
  readonly #options: RestClientOptions;

  constructor(options: RestClientOptions) {
    this.#options = options;
  }

  /**
   * @throws AppError `protocol/unreachable`, `protocol/refused` (with the server's own error body), and
   * `protocol/answer-unexpected` when another program answers.
   */
  async call<T>(method: "GET" | "POST" | "PUT" | "DELETE", path: string, request: RestRequest<T>): Promise<T> {
    const headers: Record<string, string> = {};
    if (request.body !== undefined) headers["content-type"] = "application/json";
    if (request.idempotencyKey) headers["idempotency-key"] = request.idempotencyKey;
    const body = request.body === undefined ? undefined : JSON.stringify(request.body);
    const response = await this.#fetch(path, { method, headers, body, signal: request.signal });
    return this.#parse(path, response.status, await response.text(), request.schema);
  }

  /** Sends a stream of bytes as the body. */
  async upload<T>(path: string, bytes: AsyncIterable<Uint8Array>, request: RestRequest<T>): Promise<T> {
    const response = await this.#fetch(path, {
      method: "POST",
      headers: { "content-type": "application/octet-stream" },
      body: ReadableStream.from(bytes) as unknown as string,
      signal: request.signal,
      duplex: "half",
    });
    return this.#parse(path, response.status, await response.text(), request.schema);
  }

  /** The body of a GET as it arrives. */
  async download(
    path: string,
    signal?: AbortSignal,
  ): Promise<{ bytes: AsyncIterable<Uint8Array>; sizeBytes: number | undefined }> {
    const response = await this.#fetch(path, { method: "GET", headers: {}, signal });
    if (!response.ok || !response.body) throw this.#refusal(path, response.status, await response.text());
    const length = response.headers.get("content-length");
    return { bytes: response.body, sizeBytes: length === null ? undefined : Number(length) };
  }

  async #fetch(path: string, init: FetchInit): Promise<Response> {
    const url = new URL(path, this.#options.baseUrl).href;
    const token = this.#options.token?.();
    const { signal, body, ...rest } = init;
    const headers = token === undefined ? rest.headers : { ...rest.headers, authorization: `Bearer ${token}` };
    try {
      return await fetch(url, {
        ...rest,
        headers,
        ...(body === undefined ? {} : { body }),
        ...(signal ? { signal } : {}),
      });
    } catch (error) {
      signal?.throwIfAborted();
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new AppError(REST_CLIENT_ERRORS.UNREACHABLE, { url, reason }, { cause: error });
    }
  }

  #parse<T>(path: string, status: number, text: string, schema: z.ZodType<T>): T {
    if (status < 200 || status > 299) throw this.#refusal(path, status, text);
    const parsed = schema.safeParse(parseJson(text));
    if (parsed.success) return parsed.data;
    throw this.#unexpected(path, status, parsed.error.issues[0]?.message ?? text.slice(0, 100));
  }

  #refusal(path: string, status: number, text: string): AppError {
    const parsed = errorSchema.safeParse(parseJson(text));
    if (parsed.success) return new AppError(REST_CLIENT_ERRORS.REFUSED, { status, body: parsed.data });
    return this.#unexpected(path, status, text.slice(0, 100));
  }

  #unexpected(path: string, status: number, detail: string): AppError {
    const url = new URL(path, this.#options.baseUrl).href;
    return new AppError(REST_CLIENT_ERRORS.ANSWER_UNEXPECTED, { url, status, detail });
  }
}

interface FetchInit {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly duplex?: "half";
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
