import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Quote } from "@cyxwiz/protocol/rest";
import { expect, test } from "vitest";
import {
  JOB_ID,
  refusal,
  sampleJob,
  settledJob,
  startTestMarket,
  type Answer,
  type TestMarket,
} from "../client/market.fixture.ts";
import { CLI_ERRORS } from "../errors.ts";
import { createTestCli, type Ran } from "../cli.fixture.ts";
import { createIssuer, sampleReceipt } from "../receipts/receipt.fixture.ts";

const GRAPH = fileURLToPath(new URL("../../../../examples/iris-mlp.cyxwiz", import.meta.url));
const OFFER: Quote = {
  quote_id: "1d7a1c6a-35b2-4b6f-9b53-6d6d0f3f9a02",
  amount: "2.5",
  expires_at: "2026-01-01T10:05:00Z",
  seed: "7",
  total_steps: 1000,
  cost: {
    parameters: 163,
    train_flops: 5e9,
    peak_memory_bytes: 1_500_000,
    dataset_bytes: 100,
    checkpoint_bytes: 100,
  },
  best: {
    unit_id: "unit_cpu0_abc123",
    node_id: "0b6b1c9e-1111-5222-8333-9c4d5e6f7a80",
    node_name: "node-alpha",
    device: "CPU",
    cost: "2.5",
    seconds_expected: 60,
    seconds_at_most: 90,
    score: 52,
    breakdown: {},
  },
  alternatives: [],
  not_fitting: [{ filter: "price", units: 1, message: "1 unit asks more than your limit" }],
  signature: "a.b.c",
};

/** Everything that a job needs up to its end, which `over` is. */
async function marketFor(over: Answer, more: Record<string, Answer> = {}): Promise<TestMarket> {
  return await startTestMarket({
    ...more,
    "POST /api/objects": { json: { cid: `b${"a".repeat(58)}`, size_bytes: 100 } },
    "POST /api/quotes": { json: OFFER },
    "POST /api/jobs": { json: sampleJob({ state: "ESCROWED" }) },
    [`GET /api/jobs/${JOB_ID}`]: over,
    [`GET /api/jobs/${JOB_ID}/losses`]: { json: { points: [] } },
  });
}

/** Runs a training command on four rows of flowers. */
async function runTraining(market: TestMarket, command: string[]): Promise<Ran & { left: string[] }> {
  await using cli = await createTestCli({ signedInTo: market.url });
  const csv = join(cli.home, "flowers.csv");
  const rows = ["5.1,3.5,1.4,0.2,a", "7.0,3.2,4.7,1.4,b", "6.3,3.3,6.0,2.5,c", "4.9,3.0,1.4,0.2,a"];
  await writeFile(csv, ["w,x,y,z,species", ...Array.from({ length: 5 }, () => rows).flat(), ""].join("\n"));
  const [name = "", ...options] = command;
  const out = join(cli.home, "out");
  const args = [name, GRAPH, "--data", `csv:${csv}?label=species`, ...(name === "train" ? ["--out", out] : [])];
  const ran = await cli.cyxwiz([...args, ...options]);
  return { ...ran, left: await readdir(out).catch(() => []) };
}

test("a quote uploads the data, describes it, passes the options on, and shows the price and who was left out", async () => {
  await using market = await marketFor({ json: settledJob() });
  const options = ["--epochs", "3", "--batch-size", "4", "--learning-rate", "0.01", "--seed", "9", "--max-price", "5"];
  const { code, out } = await runTraining(market, ["quote", ...options, "--device", "cpu"]);
  expect(code).toBe(0);
  expect(market.requests.map((request) => request.route)).toEqual(["POST /api/objects", "POST /api/quotes"]);
  expect(JSON.parse(market.requests[1]?.body ?? "")).toMatchObject({
    dataset: { sample_shape: [4], classes: 3, train_samples: 16, test_samples: 4 },
    settings: { batch_size: 4, epochs: 3, learning_rate: 0.01, seed: "9" },
    requirements: { device: "cpu", max_price: "5" },
  });
  expect(out).toContain("Quote: 2.5 CYXWIZ for 1000 steps on node-alpha (60 s, at most 90 s)");
  expect(out).toContain("not fitting: 1 unit asks more than your limit");
});

test("training submits the quote, follows the job to its payment, and reports result and money", async () => {
  await using market = await marketFor({ json: settledJob() });
  const { code, out, err } = await runTraining(market, ["train"]);
  expect(code).toBe(0);
  expect(JSON.parse(market.requests[2]?.body ?? "")).toMatchObject({ quote_id: OFFER.quote_id });
  expect(err).toContain(`Job ${JOB_ID} is submitted; 2.5 CYXWIZ are in escrow.`);
  expect(out).toContain("Digits CNN: completed in 60 s");
  expect(out).toContain("back to you        0.5");
});

test("training leaves the receipt beside the models, remembers the market's key and says how to check it", async () => {
  const issuer = createIssuer();
  const routes = (signed: unknown): Record<string, Answer> => ({
    "GET /api/receipts/keys": { json: issuer.keys },
    [`GET /api/jobs/${JOB_ID}/receipt`]: { json: signed },
  });
  const over: Answer = { json: settledJob({ has_receipt: true }) };
  await using market = await marketFor(over, routes(issuer.issue(sampleReceipt())));
  const { code, out, err, left } = await runTraining(market, ["train"]);
  expect({ code, left }).toEqual({ code: 0, left: ["receipt.json"] });
  expect(out).toMatch(/Check the receipt: cyxwiz receipt verify .*receipt.json --rerun/);
  expect(err).toContain(`Remembered key ${issuer.keys.keys[0]?.key_id}`);
  await using forging = await marketFor(over, routes(createIssuer().issue(sampleReceipt())));
  const forged = await runTraining(forging, ["train"]);
  expect({ code: forged.code, left: forged.left }).toEqual({ code: 0, left: [] });
  expect(forged.err).toContain("The receipt was not saved: the receipt is signed with the key");
});

test("--detach returns as soon as the job is submitted, and says how to follow it", async () => {
  await using market = await marketFor({ json: sampleJob() });
  const { code, out } = await runTraining(market, ["train", "--detach"]);
  expect({ code, out }).toEqual({ code: 0, out: `Follow it with: cyxwiz jobs watch ${JOB_ID}\n` });
  expect(market.requests.map((request) => request.route)).not.toContain(`GET /api/jobs/${JOB_ID}`);
});

test("training that ends badly is exit code 1 with the reason, and its report is still shown", async () => {
  const failure = { blame: "job", code: "backend/loss-not-finite", message: "the loss became NaN at step 12" } as const;
  await using market = await marketFor({ json: settledJob({ state: "FAILED", metrics: {}, failure }) });
  const { code, out, err } = await runTraining(market, ["train", "--json"]);
  expect(code).toBe(1);
  const lines = out.trimEnd().split("\n");
  expect(JSON.parse(lines.at(-1) ?? "")).toEqual({
    error: `job ${JOB_ID} ended as FAILED: the loss became NaN at step 12`,
    code: CLI_ERRORS.JOB_ENDED.code,
  });
  expect(err).toContain("ended as FAILED");
});

test("a refused quote locks nothing", async () => {
  const json = refusal("CONFLICT", "no unit fits this job");
  await using market = await startTestMarket({
    "POST /api/objects": { json: { cid: `b${"a".repeat(58)}`, size_bytes: 100 } },
    "POST /api/quotes": { status: 409, json },
  });
  const { code, err } = await runTraining(market, ["train"]);
  expect(code).toBe(3);
  expect(err).toContain("cyxwiz: no unit fits this job");
  expect(market.requests.map((request) => request.route)).not.toContain("POST /api/jobs");
});

test("data that nobody can read is named before anything is uploaded", async () => {
  await using market = await marketFor({ json: settledJob() });
  await using cli = await createTestCli({ signedInTo: market.url });
  for (const [data, message] of [
    ["parquet:x", "parquet:x"],
    ["csv:/nowhere/x.csv?label=y", "/nowhere/x.csv"],
  ] as const) {
    const { code, err } = await cli.cyxwiz(["train", GRAPH, "--data", data]);
    expect(code).toBe(1);
    expect(err).toContain(message);
    expect(err).not.toContain("    at ");
  }
  expect(market.requests).toEqual([]);
});
