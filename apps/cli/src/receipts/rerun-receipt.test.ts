import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TrainerProcess, TrainingEvent, TrainingJob } from "@cyxwiz/backend";
import type { ChainEntry, ReceiptBody } from "@cyxwiz/receipt";
import { expect, test } from "vitest";
import { CHAIN, sampleReceipt } from "./receipt.fixture.ts";
import { planRerun, type RerunScope } from "./rerun-plan.ts";
import { rerunReceipt, type RerunResult } from "./rerun-receipt.ts";

const HERE = { lowering: "onnx-cpu-1", build: "ort-node-1.30.0", hardware_class: "x64-avx512" };
const hash = (digit: string): string => digit.repeat(64);
const STARTED: TrainingEvent = {
  kind: "started",
  firstStep: 1,
  totalSteps: 60,
  stepsPerEpoch: 30,
  lowering: HERE.lowering,
  build: HERE.build,
  initialSha256: hash("2"),
};
const replayed = (end: string, more: { distance?: number } = {}): TrainingEvent => ({
  kind: "replayed",
  step: 40,
  endSha256: hash(end),
  seconds: 1,
  ...more,
});
const failed = (blame: "job" | "node", step: number): TrainingEvent => ({
  kind: "failed",
  blame,
  code: "backend/loss-not-finite",
  message: "the loss became NaN",
  step,
});

interface Rerun {
  readonly jobs: TrainingJob[];
  readonly result: Promise<RerunResult>;
}

/** Runs a receipt again on a machine whose trainer says `events`. */
async function rerun(
  receipt: ReceiptBody,
  scope: RerunScope,
  events: readonly TrainingEvent[],
  of: typeof HERE = HERE,
): Promise<Rerun & AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), "cyxwiz-rerun-test-"));
  const path = join(folder, "any");
  await writeFile(path, "{}");
  const jobs: TrainingJob[] = [];
  const start = (job: TrainingJob): TrainerProcess => {
    jobs.push(job);
    const stop = async (): Promise<void> => undefined;
    const said = async function* (): AsyncGenerator<TrainingEvent> {
      yield* events;
    };
    return { events: said(), stop, change: () => undefined, pid: undefined, [Symbol.asyncDispose]: stop };
  };
  const result = rerunReceipt(planRerun(receipt, scope), {
    machine: { of, start },
    gather: async (wanted) => new Map(wanted.map((file) => [file, path])),
    onProgress: () => undefined,
    onNotice: () => undefined,
  });
  // Looked at by the test; until then it is nobody's unhandled rejection.
  result.catch(() => undefined);
  return { jobs, result, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}

test("the drawn interval starts from its checkpoint, with the changes before its end", async () => {
  const change = (step: number, learning_rate: number): ChainEntry => ({
    kind: "change",
    change_id: `change-${step}`,
    step,
    learning_rate,
    batch_size: null,
    stop: false,
    signature: "",
  });
  const chain = [CHAIN.slice(0, 3), change(25, 0.5), CHAIN.slice(3, 4), change(40, 0.1), CHAIN.slice(4)].flat();
  await using ran = await rerun(sampleReceipt({ chain }), "interval", [STARTED, replayed("4")]);
  expect(await ran.result).toMatchObject({ from: 20, to: 40, outcome: "agrees", compared: 2, differing: [] });
  expect(ran.jobs[0]).toMatchObject({
    seed: "7",
    batchSize: 16,
    resumeFrom: expect.any(String),
    changes: [{ id: "change-25", step: 25, learningRate: 0.5 }],
    replay: { toStep: 40, withModel: false },
  });
});

test("an interval at the end of the job compares the model too", async () => {
  const { verification } = sampleReceipt();
  const receipt = sampleReceipt({ verification: { ...verification, interval: { from: 40, to: 60 } } });
  const end: TrainingEvent = {
    kind: "replayed",
    step: 60,
    endSha256: hash("5"),
    onnxSha256: hash("6"),
    weightsSha256: hash("8"),
    seconds: 1,
  };
  await using ran = await rerun(receipt, "interval", [STARTED, end]);
  expect(await ran.result).toMatchObject({ outcome: "disagrees", differing: ["the weights"] });
  expect(ran.jobs[0]?.replay).toEqual({ toStep: 60, withModel: true });
});

test("all steps of a job that ended early are those of one that is stopped there", async () => {
  const chain = CHAIN.slice(0, 4);
  const receipt = sampleReceipt({ chain, outcome: "cancelled", result: { onnx: null, weights: null } });
  const finished: TrainingEvent = {
    kind: "finished",
    step: 40,
    metrics: {},
    onnxPath: "",
    weightsPath: "",
    weightsSha256: "",
    seconds: 1,
  };
  const checkpoint = (step: number, digit: string): TrainingEvent => ({
    kind: "checkpoint",
    step,
    path: "/nowhere/checkpoint",
    sha256: hash(digit),
    sizeBytes: 100,
  });
  await using ran = await rerun(receipt, "all", [STARTED, checkpoint(20, "3"), checkpoint(40, "4"), finished]);
  expect(await ran.result).toMatchObject({ from: 0, to: 40, outcome: "agrees", compared: 3 });
  expect(ran.jobs[0]?.changes).toEqual([{ id: "stop", step: 40, stop: true }]);
  expect(ran.jobs[0]).not.toHaveProperty("resumeFrom");
  await using other = await rerun(receipt, "all", [STARTED, checkpoint(20, "9"), checkpoint(40, "4"), finished]);
  expect(await other.result).toMatchObject({ outcome: "disagrees", differing: ["the state at step 20"] });
  await using longer = await rerun(receipt, "all", [STARTED, { ...finished, step: 41 }]);
  expect(await longer.result).toMatchObject({ differing: ["the last step, 41 instead of 40"] });
});

test("another initial state ends the comparison at once", async () => {
  await using ran = await rerun(sampleReceipt(), "interval", [{ ...STARTED, initialSha256: hash("0") }]);
  expect(await ran.result).toMatchObject({ outcome: "disagrees", differing: ["the initial state"] });
});

const FAILED = sampleReceipt({
  chain: CHAIN.slice(0, 4),
  outcome: "failed-by-job",
  result: { onnx: null, weights: null },
  verification: { ...sampleReceipt().verification, interval: { from: 40, to: 47 } },
});
const ELSEWHERE = { ...HERE, build: "ort-web-1.30.0" };

test.each([
  ["agrees", failed("job", 47), HERE],
  ["plausible", failed("job", 47), ELSEWHERE],
  ["disagrees", { ...replayed("4"), step: 47 }, HERE],
  ["implausible", { ...replayed("4"), step: 47 }, ELSEWHERE],
] as const)("a job that failed by its own fault must do so again: %s", async (outcome, event, of) => {
  await using ran = await rerun(FAILED, "interval", [STARTED, event as TrainingEvent], of);
  expect(await ran.result).toMatchObject({ outcome });
});

test.each([
  ["by the node's fault", failed("node", 47)],
  ["at another step", failed("job", 45)],
])("a re-run that fails %s shows nothing", async (_how, event) => {
  await using ran = await rerun(FAILED, "interval", [STARTED, event]);
  await expect(ran.result).rejects.toMatchObject({ code: "cli/rerun-failed" });
});

test("a trainer that ends without an end state or a distance is a failed re-run", async () => {
  await using silent = await rerun(sampleReceipt(), "interval", [STARTED]);
  await expect(silent.result).rejects.toMatchObject({ code: "cli/rerun-failed" });
  await using far = await rerun(sampleReceipt(), "interval", [STARTED, replayed("4")], ELSEWHERE);
  await expect(far.result).rejects.toMatchObject({ code: "cli/rerun-failed" });
});

test.each([
  [0.01, "plausible"],
  [0.9, "implausible"],
  [NaN, "implausible"],
] as const)("on another build a distance of %d is %s", async (distance, outcome) => {
  const events = [STARTED, replayed("9", { distance })];
  await using ran = await rerun(sampleReceipt(), "interval", events, ELSEWHERE);
  const result = await ran.result;
  expect(result).toMatchObject({ outcome, distance });
  expect(result.differing.length).toBe(outcome === "plausible" ? 0 : 1);
});

test("steps are run again with as many threads as they were computed with, whatever this machine has", async () => {
  const chain = CHAIN.map((entry) => (entry.kind === "segment" ? { ...entry, threads: 199 } : entry));
  await using ran = await rerun(sampleReceipt({ chain }), "interval", [STARTED, replayed("4")]);
  expect(await ran.result).toMatchObject({ outcome: "agrees" });
  expect(ran.jobs[0]?.threads).toBe(199);
});

test("all steps of segments with other numbers of threads cannot be compared, and the drawn interval is named", async () => {
  const second: ChainEntry = { kind: "segment", from_step: 40, node_id: "", ...HERE, threads: 2 };
  const chain = [...CHAIN.slice(0, 4), second, ...CHAIN.slice(4)];
  await using all = await rerun(sampleReceipt({ chain }), "all", []);
  await expect(all.result).rejects.toMatchObject({
    code: "cli/rerun-not-comparable",
    message: expect.stringMatching(/with 4 and 2 threads.*--rerun interval/),
  });
  await using interval = await rerun(sampleReceipt({ chain }), "interval", [STARTED, replayed("4")]);
  expect(await interval.result).toMatchObject({ outcome: "agrees" });
  expect(interval.jobs[0]?.threads).toBe(4);
  const { verification } = sampleReceipt();
  const both = sampleReceipt({ chain, verification: { ...verification, interval: { from: 20, to: 60 } } });
  const end = { ...replayed("9", { distance: 0.1 }), step: 60, onnxSha256: hash("6"), weightsSha256: hash("7") };
  await using across = await rerun(both, "interval", [STARTED, end]);
  expect(await across.result).toMatchObject({ outcome: "plausible", distance: 0.1 });
});

test("across classes the model is made of the claimed end, and must have the bits of the receipt", async () => {
  const { verification } = sampleReceipt();
  const receipt = sampleReceipt({ verification: { ...verification, interval: { from: 40, to: 60 } } });
  const end = { ...replayed("9", { distance: 0.1 }), step: 60, onnxSha256: hash("6") };
  const [right, wrong] = [hash("7"), hash("8")].map((weightsSha256) => [STARTED, { ...end, weightsSha256 }]);
  await using same = await rerun(receipt, "interval", right ?? [], ELSEWHERE);
  expect(await same.result).toMatchObject({ outcome: "plausible", compared: 3, differing: [] });
  expect(same.jobs[0]?.replay).toEqual({
    toStep: 60,
    withModel: true,
    modelFrom: expect.any(String),
    claim: expect.any(String),
  });
  await using other = await rerun(receipt, "interval", wrong ?? [], ELSEWHERE);
  expect(await other.result).toMatchObject({ outcome: "implausible", differing: ["the weights"] });
});

test("another lowering cannot be compared at all", async () => {
  await using ran = await rerun(sampleReceipt(), "interval", [], { ...HERE, lowering: "onnx-cpu-2" });
  await expect(ran.result).rejects.toMatchObject({ code: "cli/rerun-not-comparable" });
});

test("only the segments that computed the steps decide what they can be compared with", () => {
  const other = { ...HERE, build: "ort-web-1.30.0" };
  const second: ChainEntry = { kind: "segment", from_step: 40, node_id: "", ...other, threads: 4 };
  const chain = [...CHAIN.slice(0, 4), second, ...CHAIN.slice(4)];
  const builds = (scope: RerunScope): string[] =>
    planRerun(sampleReceipt({ chain }), scope).segments.map((segment) => segment.build);
  expect(builds("interval")).toEqual([HERE.build]);
  expect(builds("all")).toEqual([HERE.build, other.build]);
});

test.each<[string, Partial<ReceiptBody>, RerunScope]>([
  ["nothing is drawn", { verification: { ...sampleReceipt().verification, interval: null } }, "interval"],
  ["nothing is committed", { chain: CHAIN.slice(0, 1) }, "all"],
  ["there is no chain", { chain: [] }, "all"],
  ["the interval's start is missing", { chain: CHAIN.filter((_, index) => index !== 2) }, "interval"],
  ["the interval's end is missing", { chain: CHAIN.filter((_, index) => index !== 3) }, "interval"],
])("nothing can be run again where %s", (_why, different, scope) => {
  expect(() => planRerun(sampleReceipt(different), scope)).toThrow("can be run again");
});
