/**
 * A market as `npm start` runs it, in real processes: what it does with work that cannot succeed, and what it still knows
 * after a restart.
 */
import { randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeDataset, loadData, parseDataSpec, writeDataset } from "@cyxwiz/backend";
import { LocalMarket, NODE_PLANS } from "@cyxwiz/cli";
import { mlp, sequential, writeCyxwiz } from "@cyxwiz/graph";
import { parseAmount } from "@cyxwiz/primitives";
import {
  jobSchema,
  quoteSchema,
  RestClient,
  sessionSchema,
  storedObjectSchema,
  walletSchema,
} from "@cyxwiz/protocol/rest";
import type { Job, QuoteRequest } from "@cyxwiz/protocol/rest";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "..", "..");
const IRIS = `csv:${join(ROOT, "examples/iris.csv")}?label=species`;
const ACCOUNT = { email: "ada@example.org", password: "correct horse battery" };
const POLL_MS = 50;
const POLLS = 600;

let folder = "";
let market: LocalMarket;
let token = "";

const rest = (): RestClient => new RestClient({ baseUrl: market.restUrl, token: () => token || undefined });

async function startMarket(): Promise<LocalMarket> {
  return await LocalMarket.start({
    dataDir: join(folder, "market"),
    nodes: NODE_PLANS.slice(0, 1),
    onProgress: () => undefined,
  });
}

async function dataset(spec: string): Promise<QuoteRequest["dataset"]> {
  const path = join(folder, `${randomUUID()}.safetensors`);
  await writeDataset(path, await loadData(parseDataSpec(spec)));
  const stored = await rest().upload("/api/objects", createReadStream(path), { schema: storedObjectSchema });
  const { trainSamples, testSamples, sampleShape, classes, targetShape } = await describeDataset(path);
  return {
    ...stored,
    train_samples: trainSamples,
    test_samples: testSamples,
    sample_shape: [...sampleShape],
    classes,
    target_shape: [...targetShape],
  };
}

async function trainToTheEnd(request: Pick<QuoteRequest, "graph" | "dataset" | "settings">): Promise<Job> {
  const body = { ...request, requirements: { device: "any" } };
  const quote = await rest().call("POST", "/api/quotes", { body, schema: quoteSchema });
  const submitted = await rest().call("POST", "/api/jobs", { body: { quote_id: quote.quote_id }, schema: jobSchema });
  for (let poll = 0; poll < POLLS; poll++) {
    const job = await rest().call("GET", `/api/jobs/${submitted.job_id}`, { schema: jobSchema });
    if (job.payment.escrow_state === "SETTLED") return job;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new Error(`job ${submitted.job_id} did not end in ${(POLLS * POLL_MS) / 1000} s`);
}

function expectPaidInFull(job: Job): void {
  const [quoted, owner, platform, refunded] = [
    job.payment.quoted,
    job.payment.owner,
    job.payment.platform,
    job.payment.refunded,
  ].map(parseAmount);
  expect((owner ?? 0n) + (platform ?? 0n) + (refunded ?? 0n)).toBe(quoted);
}

describe("a market on one computer", () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "cyxwiz-market-"));
    await chmod(folder, 0o711);
    market = await startMarket();
    token = (await rest().call("POST", "/api/auth/register", { body: ACCOUNT, schema: sessionSchema })).token;
    const faucet = { body: { amount: "10" }, schema: walletSchema, idempotencyKey: randomUUID() };
    await rest().call("POST", "/api/wallet/faucet", faucet);
  });

  afterAll(async () => {
    await market[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  test("a loss that is not a number ends the job as its own fault, with the step, and money adds up", async () => {
    const rows = Array.from({ length: 200 }, (_, i) => `${i},${i * 2},${i * 3}`);
    const path = join(folder, "line.csv");
    await writeFile(path, ["a,b,y", ...rows].join("\n"));
    const diverging = sequential("Diverging", [
      ["Dense", { units: 1 }],
      ["Output", { classes: 1 }],
      ["MSELoss"],
      ["SGD", { learning_rate: 10 }],
    ]);
    const job = await trainToTheEnd({
      graph: writeCyxwiz(diverging),
      dataset: await dataset(`csv:${path}?label=y&task=regress`),
      settings: { batch_size: 8, epochs: 50, learning_rate: 100 },
    });
    expect(job).toMatchObject({ state: "FAILED", failure: { blame: "job" } });
    expect(job.failure?.message).toMatch(/step \d+/);
    expectPaidInFull(job);
  });

  test("a graph that does not fit its data is refused before any money moves, with the fix", async () => {
    const wide = mlp({ outputs: 7, task: "classify" });
    const body = { graph: writeCyxwiz(wide), dataset: await dataset(IRIS), settings: { batch_size: 8, epochs: 1 } };
    const refusal = rest().call("POST", "/api/quotes", { body, schema: quoteSchema });
    await expect(refusal).rejects.toMatchObject({ code: "protocol/refused", message: expect.stringContaining("3") });
    expect(await rest().call("GET", "/api/wallet", { schema: walletSchema })).toMatchObject({ locked: "0" });
  });

  test("after a restart accounts, jobs, money and models are as they were, and the node works on", async () => {
    const request = {
      graph: writeCyxwiz(mlp({ outputs: 3, task: "classify" })),
      dataset: await dataset(IRIS),
      settings: { batch_size: 8, epochs: 20 },
    };
    const job = await trainToTheEnd(request);
    expect(job.state, JSON.stringify(job.failure)).toBe("COMPLETED");
    expectPaidInFull(job);
    const wallet = await rest().call("GET", "/api/wallet", { schema: walletSchema });

    await market[Symbol.asyncDispose]();
    market = await startMarket();

    const { email, password } = ACCOUNT;
    token = (await rest().call("POST", "/api/auth/login", { body: { email, password }, schema: sessionSchema })).token;
    expect(await rest().call("GET", "/api/wallet", { schema: walletSchema })).toEqual(wallet);
    const again = await rest().call("GET", `/api/jobs/${job.job_id}`, { schema: jobSchema });
    expect(again).toMatchObject({ state: "COMPLETED", payment: job.payment, files: job.files });
    const { bytes } = await rest().download(`/api/jobs/${job.job_id}/model?format=onnx`);
    expect((await Array.fromAsync(bytes)).reduce((sum, part) => sum + part.length, 0)).toBe(job.files.onnx?.size_bytes);
    expect((await trainToTheEnd(request)).state).toBe("COMPLETED");
  });
});
