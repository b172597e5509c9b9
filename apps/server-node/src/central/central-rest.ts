/**
 * The Central Server's REST side: the owner's account, registration, heartbeat, and the objects that work is made of.
 *
 * Failures come in three kinds, because callers act on the kind: not reached or not able now (try again later), refused
 * (trying again changes nothing), and an answer that this node does not understand.
 */
import { createReadStream } from "node:fs";
import { type Cid, AppError, errorMessage, parseCid, type UserId } from "@cyxwiz/primitives";
import type { Clock } from "@cyxwiz/platform";
import {
  errorSchema,
  heartbeatResponseSchema,
  receiptKeysSchema,
  registerNodeResponseSchema,
  type RegisterNodeAnswer,
  type RegisterNodeBody,
  storedObjectSchema,
} from "@cyxwiz/protocol/rest";
import { z } from "zod";
import { NODE_ERRORS } from "../errors.ts";
import { REST_ANSWER_BYTES, REST_MS, TRANSFER_STALL_MS } from "../limits.ts";
import { StallWatch } from "./stall-watch.ts";

export interface RestUnitBeat {
  readonly unit_id: string;
  readonly status: "not_shared" | "inactive" | "registering" | "active" | "paused" | "offline" | "error";
  readonly current_load_percent: number;
  readonly current_task_id: string | null;
}

/** What the server asks for in its answer to a heartbeat, like pausing a unit. */
export interface NodeCommand {
  readonly kind: string;
  /** Undefined: every unit. */
  readonly unitId: string | undefined;
  readonly reason: string | undefined;
}

export interface StoredBytes {
  readonly cid: Cid;
  readonly sizeBytes: number;
}

interface Call {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly credential: string;
  readonly body?: unknown;
  readonly signal: AbortSignal;
}

/** The answer of GET /api/auth/me, with the user at the top or inside `user`. */
const ownerSchema = z.union([z.object({ id: z.uuid() }), z.object({ user: z.object({ id: z.uuid() }) })]);

export class CentralRest {
  readonly #apiUrl: string;
  readonly #clock: Clock;

  constructor(options: { readonly apiUrl: string; readonly clock: Clock }) {
    this.#apiUrl = options.apiUrl;
    this.#clock = options.clock;
  }

  /** The user that a token is for. */
  async ownerOf(ownerToken: string, signal: AbortSignal): Promise<UserId> {
    const call: Call = { method: "GET", path: "/api/auth/me", credential: ownerToken, signal };
    const answer = await this.#json(call, ownerSchema);
    return ("user" in answer ? answer.user.id : answer.id) as UserId;
  }

  /** The keys that the market signs with, SPKI PEM. */
  async receiptKeys(signal: AbortSignal): Promise<readonly string[]> {
    const call: Call = { method: "GET", path: "/api/receipts/keys", credential: "", signal };
    return (await this.#json(call, receiptKeysSchema)).keys.map((key) => key.public_key);
  }

  async register(body: RegisterNodeBody, ownerToken: string, signal: AbortSignal): Promise<RegisterNodeAnswer> {
    const call: Call = { method: "POST", path: "/api/nodes/register", credential: ownerToken, body, signal };
    return this.#json(call, registerNodeResponseSchema);
  }

  async heartbeat(
    beat: { readonly nodeId: string; readonly units: readonly RestUnitBeat[]; readonly apiKey: string },
    signal: AbortSignal,
  ): Promise<readonly NodeCommand[]> {
    const body = { timestamp: new Date(this.#clock.now()).toISOString(), compute_units: beat.units };
    const path = `/api/nodes/${beat.nodeId}/heartbeat`;
    const answer = await this.#json(
      { method: "POST", path, credential: beat.apiKey, body, signal },
      heartbeatResponseSchema,
    );
    return answer.commands.map(({ kind, unit_id, reason }) => ({ kind, unitId: unit_id, reason }));
  }

  /** The bytes of an object, as they come. Nothing about them is checked here. */
  async *download(cid: Cid, credential: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const path = `/api/objects/${cid}`;
    using watch = new StallWatch({ clock: this.#clock, where: path, periodMs: TRANSFER_STALL_MS, signal });
    const response = await this.#fetch({ method: "GET", path, credential, signal: watch.signal }, {});
    try {
      for await (const piece of response.body ?? []) {
        watch.touch();
        yield piece;
      }
    } catch (error) {
      throw this.#broken(path, watch.signal, error);
    }
  }

  /** Stores a file; the server's answer names the bytes that it has. */
  async upload(file: string, credential: string, signal: AbortSignal): Promise<StoredBytes> {
    const path = "/api/objects";
    using watch = new StallWatch({ clock: this.#clock, where: path, periodMs: TRANSFER_STALL_MS, signal });
    const body = createReadStream(file, { signal: watch.signal });
    body.on("data", () => watch.touch());
    body.pause();
    const init = { body: body as unknown as RequestInit["body"] & object, duplex: "half" as const };
    const headers = { "content-type": "application/octet-stream" };
    const response = await this.#fetch(
      { method: "POST", path, credential, signal: watch.signal },
      { ...init, headers },
    );
    const answer = await this.#parse(path, response, storedObjectSchema);
    return { cid: parseCid(answer.cid), sizeBytes: answer.size_bytes };
  }

  async #json<T>(call: Call, schema: z.ZodType<T>): Promise<T> {
    using watch = new StallWatch({ clock: this.#clock, where: call.path, periodMs: REST_MS, signal: call.signal });
    const init =
      call.body === undefined
        ? {}
        : { body: JSON.stringify(call.body), headers: { "content-type": "application/json" } };
    const response = await this.#fetch({ ...call, signal: watch.signal }, init);
    return this.#parse(call.path, response, schema);
  }

  async #fetch(
    call: Call,
    init: Omit<RequestInit, "headers"> & { headers?: Record<string, string> },
  ): Promise<Response> {
    const { method, path, credential, signal } = call;
    const headers = { ...init.headers, authorization: `Bearer ${credential}` };
    let response: Response;
    try {
      response = await fetch(this.#apiUrl + path, { ...init, method, headers, signal, redirect: "error" });
    } catch (error) {
      throw this.#broken(path, signal, error);
    }
    if (response.ok) return response;
    throw await this.#refusal(path, response);
  }

  async #parse<T>(where: string, response: Response, schema: z.ZodType<T>): Promise<T> {
    const text = await boundedText(response).catch((error: unknown) => {
      throw this.#broken(where, undefined, error);
    });
    const parsed = schema.safeParse(jsonOf(text));
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    const problem = issue ? `${issue.path.join(".") || "the answer"}: ${issue.message}` : "unknown form";
    throw new AppError(NODE_ERRORS.CENTRAL_ANSWER_MALFORMED, { where, problem });
  }

  async #refusal(where: string, response: Response): Promise<AppError> {
    const { status } = response;
    const parsed = errorSchema.safeParse(jsonOf(await boundedText(response).catch(() => "")));
    const problem = parsed.success ? parsed.data.error : response.statusText;
    if (status >= 500 || status === 429)
      return new AppError(NODE_ERRORS.CENTRAL_UNAVAILABLE, { where, status, problem });
    const reason = parsed.success ? parsed.data.details.reason : "no reason given";
    return new AppError(NODE_ERRORS.CENTRAL_REFUSED, { where, status, reason, problem });
  }

  /** The abort's own reason where there was one: a caller that stops must not see an outage. */
  #broken(path: string, signal: AbortSignal | undefined, error: unknown): unknown {
    if (signal?.aborted) return signal.reason;
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    const problem = errorMessage(cause) || "no connection";
    return new AppError(NODE_ERRORS.CENTRAL_UNREACHABLE, { where: this.#apiUrl + path, problem }, { cause: error });
  }
}

async function boundedText(response: Response): Promise<string> {
  const pieces: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const piece of response.body ?? []) {
    sizeBytes += piece.byteLength;
    if (sizeBytes > REST_ANSWER_BYTES) return "";
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
