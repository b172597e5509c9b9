/** Somebody with a wallet: who pays for jobs, or owns nodes. */
import { randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import {
  jobSchema,
  receiptKeysSchema,
  reputationSchema,
  RestClient,
  sessionSchema,
  signedReceiptSchema,
  storedObjectSchema,
  walletHistorySchema,
  walletSchema,
  type Job,
  type ReceiptKeys,
  type Wallet,
} from "@cyxwiz/protocol/rest";
import type { SignedReceipt } from "@cyxwiz/receipt";

const FAUCET = "1000";

export class Account {
  readonly token: string;
  readonly rest: RestClient;
  /** What the faucet gave. */
  funded = "0";

  private constructor(baseUrl: string, token: string) {
    this.token = token;
    this.rest = new RestClient({ baseUrl, token: () => token });
  }

  static async open(baseUrl: string, username: string): Promise<Account> {
    const body = { email: `${username}@liars.local`, username, password: randomUUID() };
    const anyone = new RestClient({ baseUrl });
    const { token } = await anyone.call("POST", "/api/auth/register", { body, schema: sessionSchema });
    return new Account(baseUrl, token);
  }

  async fund(): Promise<this> {
    const gift = { body: { amount: FAUCET }, schema: walletSchema, idempotencyKey: randomUUID() };
    await this.rest.call("POST", "/api/wallet/faucet", gift);
    this.funded = FAUCET;
    return this;
  }

  wallet(): Promise<Wallet> {
    return this.rest.call("GET", "/api/wallet", { schema: walletSchema });
  }

  /** What it was paid for checking others. */
  async rewards(): Promise<readonly string[]> {
    const path = "/api/wallet/history?limit=100";
    const { entries } = await this.rest.call("GET", path, { schema: walletHistorySchema });
    return entries.filter(({ kind }) => kind === "reward").map(({ amount }) => amount);
  }

  job(jobId: string): Promise<Job> {
    return this.rest.call("GET", `/api/jobs/${jobId}`, { schema: jobSchema });
  }

  receipt(jobId: string): Promise<SignedReceipt> {
    return this.rest.call("GET", `/api/jobs/${jobId}/receipt`, { schema: signedReceiptSchema });
  }

  receiptKeys(): Promise<ReceiptKeys> {
    return this.rest.call("GET", "/api/receipts/keys", { schema: receiptKeysSchema });
  }

  async reputation(nodeId: string): Promise<{ readonly score: number; readonly causes: readonly string[] }> {
    const { reputation, changes } = await this.rest.call("GET", `/api/nodes/${nodeId}/reputation`, {
      schema: reputationSchema,
    });
    return { score: reputation, causes: changes.map(({ cause }) => cause) };
  }

  upload(path: string): Promise<{ cid: string; size_bytes: number }> {
    return this.rest.upload("/api/objects", createReadStream(path), { schema: storedObjectSchema });
  }
}
