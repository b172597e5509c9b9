/**
 * Benchmark of unary gRPC calls at 64 in flight, against a Central Server process with its embedded database.
 *
 * Bars are a native server's rates times a factor, taken on a machine of two cores like the usual one. Rates depend on
 * the machine, so each note also gives the rate as a share of a bare answer from memory, measured in turns with it, next
 * to the native server's own share. Exits 1 below a bar.
 *
 * Run: npm run bench -- rpc
 */
import { create, fromBinary, toBinary, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import {
  GetJobStatusRequestSchema,
  GetJobStatusResponseSchema,
  HeartbeatRequestSchema,
  HeartbeatResponseSchema,
  ListNodesRequestSchema,
  ListNodesResponseSchema,
  StatusCode,
  SubmitJobRequestSchema,
  SubmitJobResponseSchema,
} from "@cyxwiz/protocol";
import { median, percentile, reportFigure } from "./figure.ts";
import { BusyMarket, type MarketUser, type WaitingQuote } from "./load/busy-market.ts";
import type { LoadResult, PreparedCall } from "./load/load-job.ts";
import { BareServer, runLoad } from "./load/run-load.ts";

const NODES = 64;
/** The platform's own node, which every local market has. */
const VERIFIERS = 1;
const USERS = 16;
const IN_FLIGHT = 64;
const CONNECTIONS = 4;
const WINDOW_SECONDS = 3;
const ROUNDS = 3;
/** Submissions of one window; each needs a quote, and quotes take longer to make than to submit. */
const SUBMISSIONS = 600;
/** Jobs that GetJobStatus asks about. */
const STORED_JOBS = 200;
const MAX_P99_MS = 50;
const KEEP_EVERY = 200;
const PAGE_SIZE = 20;
/** The native server's bare answers a second (64 in flight), which its shares are of. */
const NATIVE_BARE = 11_000;

interface CallBench {
  readonly name: string;
  readonly path: string;
  readonly bar: number;
  /** The native server's rate at the same durability. */
  readonly native: number;
  readonly durability: string;
  readonly once?: boolean;
  /** The calls of one round. */
  readonly calls: (round: number) => readonly PreparedCall[];
  /** Says what is wrong with an answer, or nothing. */
  readonly problem: (answer: Uint8Array) => string | undefined;
}

await using market = await BusyMarket.start({ nodes: NODES, users: USERS });
const quotes = await market.quotes(STORED_JOBS + SUBMISSIONS * ROUNDS);
using bare = await BareServer.start();
const jobs = await storeJobs(quotes.slice(0, STORED_JOBS));
for (const bench of [heartbeat(), getJobStatus(jobs), listNodes(), submitJob(quotes.slice(STORED_JOBS))]) {
  await measure(bench);
}

async function measure(bench: CallBench): Promise<void> {
  if (bench.once !== true) await load(bench, 0, 1);
  const windows: { result: LoadResult; bareRate: number }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const bareRate = rateOf(await loadBare());
    windows.push({ result: await load(bench, round), bareRate });
  }
  const rate = median(windows.map(({ result }) => rateOf(result)));
  const share = median(windows.map(({ result, bareRate }) => rateOf(result) / bareRate));
  const failed = windows.reduce((sum, { result }) => sum + result.failed, 0);
  const failure = windows.find(({ result }) => result.failure !== undefined)?.result.failure;
  reportFigure({
    name: `rpc: ${bench.name}, ${IN_FLIGHT} in flight`,
    figure: failed === 0 ? rate : 0,
    unit: "calls/s",
    comparison: "at least",
    threshold: bench.bar,
    note:
      `${share.toFixed(2)} of a bare answer (native server ${(bench.native / NATIVE_BARE).toFixed(3)}); ` +
      `${bench.durability}${failed === 0 ? "" : `; ${failed} calls FAILED: ${failure ?? "no reason"}`}`,
  });
  reportFigure({
    name: `rpc: ${bench.name}, p99`,
    figure: median(windows.map(({ result }) => percentile(result.latenciesMs, 0.99))),
    unit: "ms",
    comparison: "at most",
    threshold: MAX_P99_MS,
    note: `bare answers ${median(windows.map(({ bareRate }) => bareRate)).toFixed(0)}/s in the same minutes`,
  });
}

/** One window, with its answers looked at. */
async function load(bench: CallBench, round: number, seconds = WINDOW_SECONDS): Promise<LoadResult> {
  const result = await runLoad({
    address: market.grpcAddress,
    path: bench.path,
    calls: bench.calls(round),
    once: bench.once ?? false,
    inFlight: IN_FLIGHT,
    connections: CONNECTIONS,
    seconds,
    keepEvery: bench.once === true ? 1 : KEEP_EVERY,
  });
  for (const answer of result.kept) {
    const problem = bench.problem(Buffer.from(answer, "base64"));
    if (problem !== undefined) throw new Error(`${bench.name} answered wrongly: ${problem}`);
  }
  return result;
}

async function loadBare(): Promise<LoadResult> {
  return await runLoad({
    address: bare.grpcAddress,
    path: "/cyxwiz.protocol.NodeService/Heartbeat",
    calls: [{ message: encoded(HeartbeatRequestSchema, { nodeId: "bare" }) }],
    once: false,
    inFlight: IN_FLIGHT,
    connections: CONNECTIONS,
    seconds: WINDOW_SECONDS / 2,
    keepEvery: KEEP_EVERY,
  });
}

/** A beat of each node in turn, with its unit. */
function heartbeat(): CallBench {
  const calls = market.nodes.map(({ nodeId, unitId, token }) => ({
    message: encoded(HeartbeatRequestSchema, { nodeId, units: [{ unitId, status: "active", currentLoadPercent: 12 }] }),
    token,
  }));
  return {
    name: "Heartbeat",
    path: "/cyxwiz.protocol.NodeService/Heartbeat",
    bar: 760,
    native: 1_133,
    durability: "written once a second, a crash loses up to one (native: in memory; durable it answers 76/s)",
    calls: () => calls,
    problem: (bytes) => {
      const { status, keepAlive, error } = fromBinary(HeartbeatResponseSchema, bytes);
      return status === StatusCode.STATUS_SUCCESS && keepAlive ? undefined : (error?.message ?? "no success");
    },
  };
}

/** Submits quotes, which warms that call up, and says which jobs they made. */
async function storeJobs(quotes: readonly WaitingQuote[]): Promise<ReadonlyMap<string, MarketUser>> {
  const stored = new Map(quotes.map(({ user }) => [crypto.randomUUID() as string, user]));
  const jobIds = [...stored.keys()];
  const calls = quotes.map(({ quoteId, user }, index) => ({
    message: encoded(SubmitJobRequestSchema, { quoteId, config: { jobId: jobIds[index] ?? "" } }),
    token: user.token,
  }));
  const { failed, failure } = await load({ ...submitJob([]), calls: () => calls }, 0);
  if (failed > 0) throw new Error(`${failed} jobs were not stored: ${failure ?? "no reason"}`);
  return stored;
}

function getJobStatus(jobs: ReadonlyMap<string, MarketUser>): CallBench {
  const calls = [...jobs].map(([jobId, { token }]) => ({
    message: encoded(GetJobStatusRequestSchema, { jobId }),
    token,
  }));
  return {
    name: "GetJobStatus of a stored job",
    path: "/cyxwiz.protocol.JobService/GetJobStatus",
    bar: 8_100,
    native: 5_414,
    durability: "a read",
    calls: () => calls,
    problem: (bytes) => {
      const { status, error } = fromBinary(GetJobStatusResponseSchema, bytes);
      return status && jobs.has(status.jobId) ? undefined : (error?.message ?? "no status");
    },
  };
}

function listNodes(): CallBench {
  const calls = [{ message: encoded(ListNodesRequestSchema, { pageSize: PAGE_SIZE }) }];
  return {
    name: `ListNodes, page of ${PAGE_SIZE}`,
    path: "/cyxwiz.protocol.NodeDiscoveryService/ListNodes",
    bar: 3_600,
    native: 362,
    durability: "a read",
    calls: () => calls,
    problem: (bytes) => {
      const { nodes, totalCount } = fromBinary(ListNodesResponseSchema, bytes);
      return nodes.length === PAGE_SIZE && totalCount === NODES + VERIFIERS
        ? undefined
        : `${nodes.length} of ${totalCount} nodes`;
    },
  };
}

/** The accepted quote of a user: escrow locked, job stored, all on disk before the answer. */
function submitJob(quotes: readonly WaitingQuote[]): CallBench {
  const calls = quotes.map(({ quoteId, user }) => ({
    message: encoded(SubmitJobRequestSchema, { quoteId, config: { jobId: crypto.randomUUID() } }),
    token: user.token,
  }));
  return {
    name: "SubmitJob with its escrow",
    path: "/cyxwiz.protocol.JobService/SubmitJob",
    bar: 1_780,
    native: 356,
    durability: "on disk (fsync) before the answer, escrow locked (native: row alone, escrow refused)",
    once: true,
    calls: (round) => calls.slice(round * SUBMISSIONS, (round + 1) * SUBMISSIONS),
    problem: (bytes) => {
      const { status, error } = fromBinary(SubmitJobResponseSchema, bytes);
      return status === StatusCode.STATUS_SUCCESS ? undefined : (error?.message ?? "no success");
    },
  };
}

function encoded<S extends DescMessage>(schema: S, message: MessageInitShape<S>): string {
  return Buffer.from(toBinary(schema, create(schema, message))).toString("base64");
}

function rateOf({ count, seconds }: LoadResult): number {
  return count / seconds;
}
