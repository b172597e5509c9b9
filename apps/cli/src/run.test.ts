import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { refusal, sampleJob, settledJob, startTestMarket, JOB_ID, NODE_ID } from "./client/market.fixture.ts";
import { CLI_ERRORS } from "./errors.ts";
import { createTestCli } from "./cli.fixture.ts";

const WALLET = { balance: "7.5", locked: "2.5", earned: "0", rail: "ledger", simulated: true };

/** An address on loopback that nothing listens on. */
async function deadUrl(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return `http://127.0.0.1:${port}`;
}

test("a result goes to standard output and nothing to standard error", async () => {
  await using market = await startTestMarket({ "GET /api/wallet": { json: WALLET } });
  await using cli = await createTestCli({ signedInTo: market.url });
  const ran = await cli.cyxwiz(["wallet", "balance"]);
  expect(ran).toMatchObject({ code: 0, err: "" });
  expect(ran.out).toMatch(/Balance {4}7.5 CYXWIZ\nIn escrow {2}2.5 CYXWIZ\n.*\n.*simulated money/);
  expect(market.requests[0]?.authorization).toBe("Bearer saved-token");
});

test("with --json, before or after the command, the result is one JSON object", async () => {
  await using market = await startTestMarket({ "GET /api/wallet": { json: WALLET } });
  await using cli = await createTestCli({ signedInTo: market.url });
  for (const args of [
    ["wallet", "balance", "--json"],
    ["--json", "wallet", "balance"],
  ]) {
    const { code, out } = await cli.cyxwiz(args);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toEqual(WALLET);
  }
});

test("whoever is not signed in is told how to, and the exit code is 1", async () => {
  await using cli = await createTestCli();
  const { code, out, err } = await cli.cyxwiz(["jobs", "list"]);
  expect({ code, out }).toEqual({ code: 1, out: "" });
  expect(err).toBe(
    'cyxwiz: "cyxwiz jobs list" needs an account: run "cyxwiz login --register" (or "cyxwiz login") first\n',
  );
});

test("an error with --json is an object with a sentence and a stable code", async () => {
  await using cli = await createTestCli();
  const { code, out } = await cli.cyxwiz(["wallet", "balance", "--json"]);
  expect(code).toBe(1);
  expect(JSON.parse(out)).toEqual({
    error: expect.stringContaining("needs an account"),
    code: CLI_ERRORS.NOT_SIGNED_IN.code,
  });
});

test("a market that nobody can reach is exit code 4, with the address and a question", async () => {
  const url = await deadUrl();
  await using cli = await createTestCli({ signedInTo: url });
  const { code, out, err } = await cli.cyxwiz(["wallet", "balance", "--json"]);
  expect(code).toBe(4);
  expect(JSON.parse(out)).toMatchObject({ code: "protocol/unreachable" });
  expect(err).toContain(url);
  expect(err).toContain("is the Central Server running");
});

test("another program at the market's address is exit code 1, and is not taken for a market", async () => {
  await using market = await startTestMarket({ "GET /api/wallet": { bytes: Buffer.from("<html>hello</html>") } });
  await using cli = await createTestCli({ signedInTo: market.url });
  const { code, err } = await cli.cyxwiz(["wallet", "balance"]);
  expect(code).toBe(1);
  expect(err).toContain("something that is not a CyxWiz answer");
});

test("what the market refuses is exit code 3, in its own words and with its own code", async () => {
  const json = refusal("CONFLICT", "your wallet holds 1 CYXWIZ, this needs 5", { reason: "market/insufficient-funds" });
  await using market = await startTestMarket({ "POST /api/wallet/faucet": { status: 409, json } });
  await using cli = await createTestCli({ signedInTo: market.url });
  const { code, out, err } = await cli.cyxwiz(["wallet", "faucet", "100", "--json"]);
  expect(code).toBe(3);
  expect(err).toBe("cyxwiz: your wallet holds 1 CYXWIZ, this needs 5\n");
  expect(JSON.parse(out)).toEqual({
    error: "your wallet holds 1 CYXWIZ, this needs 5",
    code: "market/insufficient-funds",
  });
});

test("each further problem of a refused graph is a line with its fix", async () => {
  const problems = [
    { message: "dense_1 has no input", fix: "connect one" },
    { message: "two losses", fix: "remove one" },
  ];
  const answer = {
    status: 422,
    json: refusal("INVALID_REQUEST", "the graph cannot be trained: dense_1 has no input; connect one (and 1 more)", {
      problems,
    }),
  };
  await using market = await startTestMarket({ [`GET /api/jobs/${JOB_ID}`]: answer });
  await using cli = await createTestCli({ signedInTo: market.url });
  const { err } = await cli.cyxwiz(["jobs", "show", JOB_ID]);
  expect(err.trimEnd().split("\n")).toEqual([
    "cyxwiz: the graph cannot be trained: dense_1 has no input; connect one (and 1 more)",
    "  two losses → remove one",
  ]);
});

test("CYXWIZ_TOKEN and CYXWIZ_URL are enough without a login, and win over one", async () => {
  await using market = await startTestMarket({ "GET /api/wallet": { json: WALLET } });
  for (const signedInTo of [undefined, await deadUrl()]) {
    await using cli = await createTestCli(signedInTo === undefined ? {} : { signedInTo });
    const env = { CYXWIZ_TOKEN: "from-the-environment", CYXWIZ_URL: market.url };
    expect(await cli.cyxwiz(["wallet", "balance"], { env })).toMatchObject({ code: 0 });
    expect(market.requests.at(-1)?.authorization).toBe("Bearer from-the-environment");
  }
});

test("a CYXWIZ_URL that is no address is wrong usage", async () => {
  await using cli = await createTestCli();
  const env = { CYXWIZ_TOKEN: "t", CYXWIZ_URL: "localhost:8080" };
  const { code, err } = await cli.cyxwiz(["wallet", "balance"], { env });
  expect(code).toBe(2);
  expect(err).toContain('CYXWIZ_URL is "localhost:8080": expected an address like http://127.0.0.1:8080');
});

test("Ctrl-C while watching is exit code 130, and says that the job goes on", async () => {
  const controller = new AbortController();
  await using market = await startTestMarket({
    [`GET /api/jobs/${JOB_ID}`]: (response) => {
      response.end(JSON.stringify(sampleJob()));
      response.once("close", () => controller.abort());
    },
  });
  await using cli = await createTestCli({ signedInTo: market.url });
  const ran = await cli.cyxwiz(["jobs", "watch", JOB_ID, "--json"], { signal: controller.signal });
  expect(ran.code).toBe(130);
  expect(ran.err).toContain(`Job ${JOB_ID} goes on. Follow it with: cyxwiz jobs watch ${JOB_ID}`);
  expect(JSON.parse(ran.out)).toEqual({ error: "interrupted", code: "cli/interrupted" });
});

test("watching a job that is over shows its result, its curve and its money at once", async () => {
  const losses = [1, 2, 3].map((step) => ({ step, loss: 1 / step, accuracy: null, test_accuracy: null }));
  await using market = await startTestMarket({
    [`GET /api/jobs/${JOB_ID}`]: { json: settledJob() },
    [`GET /api/jobs/${JOB_ID}/losses`]: { json: { points: losses } },
  });
  await using cli = await createTestCli({ signedInTo: market.url });
  const { code, out, err } = await cli.cyxwiz(["jobs", "watch", JOB_ID]);
  expect(code).toBe(0);
  expect(err).toContain("Training loss over 3 steps");
  expect(out).toContain("Accuracy on held-out data  97.5 %");
  expect(out).toContain("owner    90 %      1.8");
});

test("a result in a pipe has no colours although standard error is a screen that shows them", async () => {
  await using market = await startTestMarket({ [`GET /api/jobs/${JOB_ID}`]: { json: sampleJob() } });
  await using cli = await createTestCli({ signedInTo: market.url });
  const show = async (env: NodeJS.ProcessEnv): Promise<string> =>
    (await cli.cyxwiz(["jobs", "show", JOB_ID], { env, isScreen: true })).out;
  expect(await show({})).not.toContain("\u001B");
  expect(await show({ FORCE_COLOR: "1" })).toContain("\u001B[32m");
});

test("jobs are listed newest first as the market gives them, and none is a hint at what to do", async () => {
  await using market = await startTestMarket({
    "GET /api/jobs": [{ json: { jobs: [sampleJob()], next_cursor: null } }, { json: { jobs: [], next_cursor: null } }],
  });
  await using cli = await createTestCli({ signedInTo: market.url });
  const { out } = await cli.cyxwiz(["jobs", "list", "--limit", "5"]);
  expect(market.requests[0]?.url).toBe("/api/jobs?limit=5");
  expect(out).toContain(`${JOB_ID}  Digits CNN  RUNNING  50.0 %  node-alpha`);
  expect((await cli.cyxwiz(["jobs", "list"])).out).toContain("No jobs yet. Train something: cyxwiz train");
});

test("jobs in one state are asked for by name, and none of them is said", async () => {
  await using market = await startTestMarket({ "GET /api/jobs": { json: { jobs: [], next_cursor: null } } });
  await using cli = await createTestCli({ signedInTo: market.url });
  const { out } = await cli.cyxwiz(["jobs", "list", "--state", "failed", "--limit", "7"]);
  expect(market.requests[0]?.url).toBe("/api/jobs?limit=7&state=FAILED");
  expect(out).toBe("No job is FAILED.\n");
});

test("nodes are listed for everybody, a line for each shared device", async () => {
  const device = {
    unit_id: "unit_cpu0_abc123",
    device_type: "cpu",
    name: "AMD EPYC",
    status: "active",
    cores: 2,
    vram_mb: null,
    price_per_hour: "0.06",
    train_gflops: 25.04,
    hardware_class: "x64-avx512",
    calibration: { challenged_at: null, curve: [] },
  };
  const node = {
    node_id: JOB_ID,
    name: "node-alpha",
    status: "online",
    region: null,
    reputation: 75,
    jobs_completed: 3,
    devices: [device],
  };
  await using market = await startTestMarket({ "GET /api/nodes": { json: { nodes: [node] } } });
  await using cli = await createTestCli();
  const { out } = await cli.cyxwiz(["nodes"], { env: { CYXWIZ_URL: market.url } });
  expect(out.split("\n")[1]).toBe("node-alpha  online  AMD EPYC  2 cores     0.06     25.0          75     3");
});

test("a node's reputation is told to everybody: every change with its evidence, and what shadow mode would have taken", async () => {
  const at = "2026-01-01T10:00:00Z";
  const answer = {
    node_id: NODE_ID,
    reputation: 61.5,
    changes: [
      { at, cause: "job-verified", before: 60, after: 61.5, evidence: { job_id: JOB_ID, payers: 3 } },
      { at, cause: "late", before: 61, after: 60, evidence: {} },
    ],
    penalties: [{ at, cause: "disagreed", percent: 10, is_ban: true, is_applied: false, evidence: { job_id: JOB_ID } }],
  };
  await using market = await startTestMarket({ [`GET /api/nodes/${NODE_ID}/reputation`]: { json: answer } });
  await using cli = await createTestCli();
  const ran = await cli.cyxwiz(["node", "reputation", NODE_ID], { env: { CYXWIZ_URL: market.url } });
  expect(ran.out.split("\n")).toEqual([
    `Node ${NODE_ID} has reputation 61.50 of 100.`,
    "",
    "Changes, newest first",
    "  2026-01-01 10:00:00    +1.50  to 61.50  job-verified",
    `      job_id: ${JOB_ID}`,
    "      payers: 3",
    "  2026-01-01 10:00:00    −1.00  to 60.00  late",
    "",
    "Penalties",
    "  2026-01-01 10:00:00  10 % of the stake and a ban (recorded, not taken)  disagreed",
    `      job_id: ${JOB_ID}`,
    "",
  ]);
});

test("a running job is changed, and what was asked for is shown until a node applies it", async () => {
  const change = {
    change_id: JOB_ID,
    learning_rate: 0.001,
    batch_size: 32,
    stop: false,
    requested_at: "2026-01-01T10:00:00Z",
    applied_step: null,
  };
  const stop = { ...change, learning_rate: null, batch_size: null, stop: true, applied_step: 700 };
  await using market = await startTestMarket({
    [`POST /api/jobs/${JOB_ID}/changes`]: { json: sampleJob({ changes: [change, stop] }) },
  });
  await using cli = await createTestCli({ signedInTo: market.url });
  const args = ["jobs", "change", JOB_ID, "--learning-rate", "0.001", "--batch-size", "32"];
  const { code, out } = await cli.cyxwiz(args);
  expect(code).toBe(0);
  expect(JSON.parse(market.requests[0]?.body ?? "")).toEqual({ learning_rate: 0.001, batch_size: 32 });
  expect(out).toContain("  learning rate 0.001, batches of 32: not applied yet\n  stop: after step 700\n");
  await cli.cyxwiz(["jobs", "change", JOB_ID, "--stop"]);
  expect(JSON.parse(market.requests[1]?.body ?? "")).toEqual({ stop: true });
});

test("a job shows how it was checked, what was changed, and how to get its receipt", async () => {
  const change = {
    change_id: JOB_ID,
    learning_rate: 0.001,
    batch_size: null,
    stop: false,
    requested_at: "2026-01-01T10:00:00Z",
    applied_step: 300,
  };
  const job = settledJob({ has_receipt: true, changes: [change] });
  await using market = await startTestMarket({ [`GET /api/jobs/${JOB_ID}`]: { json: job } });
  await using cli = await createTestCli({ signedInTo: market.url });
  const { out } = await cli.cyxwiz(["jobs", "show", JOB_ID]);
  expect(out).toContain("verified: steps 601–620 were run again by platform-verifier, bit-equal");
  expect(out).toContain("Changes while it ran\n  learning rate 0.001: after step 300\n");
  expect(out).toContain("      of it for checking 0.004, to platform-verifier\n");
  expect(out).toContain(`Receipt: cyxwiz receipt get ${JOB_ID}\n`);
});

test("node start runs a Server Node and ends with its exit code", async () => {
  await using cli = await createTestCli();
  const config = join(cli.home, "node.toml");
  await writeFile(config, "[node]\nno_such_key = 1\n");
  expect((await cli.cyxwiz(["node", "start", "--config", config])).code).toBe(2);
});

test("the wallet's history is as long as asked, newest first, and an empty one says how to begin", async () => {
  const entry = (id: number): unknown => ({
    id: `${id}`,
    at: "2026-01-01T10:00:00Z",
    kind: id === 1 ? "faucet" : "lock",
    amount: id === 1 ? "100" : "-2.5",
    balance: "97.5",
    job_id: null,
    memo: `entry ${id}`,
  });
  await using market = await startTestMarket({
    "GET /api/wallet/history": [
      { json: { entries: [entry(2), entry(1)], next_cursor: null } },
      { json: { entries: [], next_cursor: null } },
    ],
  });
  await using cli = await createTestCli({ signedInTo: market.url });
  const history = async (limit: string): Promise<string> =>
    (await cli.cyxwiz(["wallet", "history", "--limit", limit])).out;
  expect((await history("20")).split("\n").slice(1, -1)).toEqual([
    "2026-01-01 10:00:00  lock      -2.5     97.5  entry 2",
    "2026-01-01 10:00:00  faucet     100     97.5  entry 1",
  ]);
  expect(market.requests[0]?.url).toBe("/api/wallet/history?limit=20");
  expect(await history("1")).toContain("cyxwiz wallet faucet 100");
});

test("a graph file that cannot be read is named, and a job id cannot leave its place in the address", async () => {
  await using market = await startTestMarket({});
  await using cli = await createTestCli({ signedInTo: market.url });
  const missing = join(cli.home, "missing.cyxwiz");
  const { code, err } = await cli.cyxwiz(["quote", missing, "--data", "mnist"]);
  expect(code).toBe(1);
  expect(err).toContain(`cannot read ${missing}`);
  await writeFile(missing, "no graph");
  expect((await cli.cyxwiz(["quote", missing, "--data", "mnist"])).code).toBe(1);
  await cli.cyxwiz(["jobs", "show", "../wallet"]);
  expect(market.requests.at(-1)?.url).toBe("/api/jobs/..%2Fwallet");
});
