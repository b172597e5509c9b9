/** The market as the command line sees it: one method per thing that a person can do. */
import { createReadStream } from "node:fs";
import {
  healthSchema,
  jobListSchema,
  jobSchema,
  lossCurveSchema,
  publicNodesSchema,
  quoteSchema,
  receiptKeysSchema,
  reputationSchema,
  RestClient,
  sessionSchema,
  storedObjectSchema,
  userSchema,
  walletHistorySchema,
  walletSchema,
  type ChangeJobRequest,
  type Job,
  type LoginRequest,
  type PublicNode,
  type Quote,
  type QuoteRequest,
  type ReceiptKeys,
  type RegisterRequest,
  type Session,
  type User,
  type Wallet,
  type WalletHistory,
} from "@cyxwiz/protocol/rest";
import type { z } from "zod";

export type LossCurve = z.infer<typeof lossCurveSchema>["points"];
export type Reputation = z.infer<typeof reputationSchema>;

export class MarketClient {
  readonly url: string;
  readonly #rest: RestClient;

  constructor(baseUrl: string, token?: string) {
    this.url = baseUrl;
    this.#rest = new RestClient({ baseUrl, token: () => token });
  }

  async health(signal?: AbortSignal): Promise<z.infer<typeof healthSchema>> {
    return await this.#rest.call("GET", "/api/health", { schema: healthSchema, ...(signal && { signal }) });
  }

  async register(body: RegisterRequest): Promise<Session> {
    return await this.#rest.call("POST", "/api/auth/register", { body, schema: sessionSchema });
  }

  async login(body: LoginRequest): Promise<Session> {
    return await this.#rest.call("POST", "/api/auth/login", { body, schema: sessionSchema });
  }

  async me(): Promise<User> {
    return await this.#rest.call("GET", "/api/auth/me", { schema: userSchema });
  }

  async nodes(): Promise<PublicNode[]> {
    return (await this.#rest.call("GET", "/api/nodes", { schema: publicNodesSchema })).nodes;
  }

  async reputation(nodeId: string): Promise<Reputation> {
    return await this.#rest.call("GET", `/api/nodes/${encodeURIComponent(nodeId)}/reputation`, {
      schema: reputationSchema,
    });
  }

  async wallet(): Promise<Wallet> {
    return await this.#rest.call("GET", "/api/wallet", { schema: walletSchema });
  }

  async walletHistory(limit: number): Promise<WalletHistory> {
    return await this.#rest.call("GET", `/api/wallet/history?limit=${limit}`, { schema: walletHistorySchema });
  }

  async faucet(amount: string, idempotencyKey: string): Promise<Wallet> {
    return await this.#rest.call("POST", "/api/wallet/faucet", {
      body: { amount },
      schema: walletSchema,
      idempotencyKey,
    });
  }

  /** Uploads a file; the same bytes twice are the same object. */
  async uploadFile(path: string, signal?: AbortSignal): Promise<{ cid: string; size_bytes: number }> {
    return await this.#rest.upload("/api/objects", createReadStream(path), {
      schema: storedObjectSchema,
      ...(signal && { signal }),
    });
  }

  async quote(body: QuoteRequest): Promise<Quote> {
    return await this.#rest.call("POST", "/api/quotes", { body, schema: quoteSchema });
  }

  /** Idempotent by job id: repeat it after a lost answer. */
  async submit(quoteId: string, jobId: string): Promise<Job> {
    return await this.#rest.call("POST", "/api/jobs", {
      body: { quote_id: quoteId, job_id: jobId },
      schema: jobSchema,
    });
  }

  async jobs({ limit, state }: { limit: number; state?: string }): Promise<z.infer<typeof jobListSchema>> {
    const search = new URLSearchParams({ limit: String(limit), ...(state !== undefined && { state }) });
    return await this.#rest.call("GET", `/api/jobs?${search.toString()}`, { schema: jobListSchema });
  }

  async job(jobId: string, signal?: AbortSignal): Promise<Job> {
    return await this.#rest.call("GET", `/api/jobs/${encodeURIComponent(jobId)}`, {
      schema: jobSchema,
      ...(signal && { signal }),
    });
  }

  async lossCurve(jobId: string): Promise<LossCurve> {
    return (await this.#rest.call("GET", `/api/jobs/${encodeURIComponent(jobId)}/losses`, { schema: lossCurveSchema }))
      .points;
  }

  async cancel(jobId: string, keepModel: boolean): Promise<Job> {
    return await this.#rest.call("POST", `/api/jobs/${encodeURIComponent(jobId)}/cancel`, {
      body: { keep_model: keepModel },
      schema: jobSchema,
    });
  }

  async downloadModel(
    jobId: string,
    format: "onnx" | "safetensors",
    signal?: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array>> {
    return (await this.#rest.download(`/api/jobs/${encodeURIComponent(jobId)}/model?format=${format}`, signal)).bytes;
  }

  /** Asks for a change of a running job; the answer tells the job with its changes. */
  async change(jobId: string, body: ChangeJobRequest): Promise<Job> {
    return await this.#rest.call("POST", `/api/jobs/${encodeURIComponent(jobId)}/changes`, { body, schema: jobSchema });
  }

  /** The signed receipt as the market wrote it, unchecked. */
  async receipt(jobId: string, signal?: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    return (await this.#rest.download(`/api/jobs/${encodeURIComponent(jobId)}/receipt`, signal)).bytes;
  }

  /** The keys by which this market's receipts are known. Needs no account. */
  async receiptKeys(signal?: AbortSignal): Promise<ReceiptKeys> {
    return await this.#rest.call("GET", "/api/receipts/keys", { schema: receiptKeysSchema, ...(signal && { signal }) });
  }

  /** The graph document that the job trains. */
  async jobGraph(jobId: string, signal?: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    return (await this.#rest.download(`/api/jobs/${encodeURIComponent(jobId)}/graph`, signal)).bytes;
  }

  /** The bytes of an object: a dataset, a checkpoint. */
  async object(cid: string, signal?: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    return (await this.#rest.download(`/api/objects/${encodeURIComponent(cid)}`, signal)).bytes;
  }
}
