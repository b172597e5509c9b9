import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { defined } from "@cyxwiz/primitives";
import fc from "fast-check";
import { expect, test } from "vitest";
import { loadOrtWeb } from "../driver/ort-web.ts";
import { SafetensorsFile, type Tensor, writeSafetensors } from "../safetensors/safetensors-file.ts";
import { checkpointHashes, clockOf, finished, type Of, ofKind, replayed, trained } from "./run-job.fixture.ts";
import { REGRESSOR, tinyDataset, tinyJob } from "./tiny-job.fixture.ts";
import type { Replay, TrainingChange, TrainingEvent, TrainingJob } from "./training-job.ts";

const CHANGES: readonly TrainingChange[] = [
  { id: "slower", step: 10, learningRate: 0.002 },
  { id: "smaller", step: 14, batchSize: 2 },
  { id: "larger", step: 29, batchSize: 4, learningRate: 0.02 },
];

/** The result of the interval from the end of a checkpoint (the initial state where there is none). */
async function replay(
  job: TrainingJob,
  from: Of<"checkpoint"> | undefined,
  spec: Partial<Replay> & Pick<Replay, "toStep">,
): Promise<readonly TrainingEvent[]> {
  const start = from === undefined ? {} : { resumeFrom: from.path };
  return trained({ ...job, ...start, replay: { withModel: false, ...spec } });
}

/** A copy of a checkpoint in which the first value of each tensor was moved. */
async function tampered(job: TrainingJob, path: string, by: number): Promise<string> {
  await using file = await SafetensorsFile.open(path);
  const tensors = new Map<string, Tensor>();
  for (const name of file.header.tensors.keys()) {
    const { shape, data } = await file.read(name);
    const values = (data as Float32Array).slice();
    values[0] = (values[0] ?? 0) + by;
    tensors.set(name, { shape, data: values });
  }
  const copy = join(job.datasetPath, "..", "tampered.safetensors");
  await writeSafetensors(copy, tensors, file.header.metadata);
  return copy;
}

const sha256 = async (path: string): Promise<string> =>
  createHash("sha256")
    .update(await readFile(path))
    .digest("hex");

test(
  "[TR12] a replay of any interval gives the bits that the training committed, with changes or without",
  { timeout: 60_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          seed: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String),
          hasChanges: fc.boolean(),
          threads: fc.integer({ min: 1, max: 2 }),
          slowMs: fc.constantFrom(0, 10, 1_000),
          from: fc.nat({ max: 5 }),
          intervals: fc.integer({ min: 1, max: 3 }),
        }),
        async ({ seed, hasChanges, threads, slowMs, from, intervals }) => {
          const job = await tinyJob({ seed, changes: hasChanges ? CHANGES : [] });
          const committed = ofKind(await trained({ ...job, threads }, { clock: clockOf(slowMs) }), "checkpoint");
          const end = defined(committed[Math.min(from + intervals, committed.length) - 1], "the end of the interval");
          const events = await replay(job, committed[from - 1], { toStep: end.step });
          expect(replayed(events)).toMatchObject({ step: end.step, endSha256: end.sha256 });
          expect(events.map(({ kind }) => kind)).not.toEqual(expect.arrayContaining(["checkpoint"]));
        },
      ),
      { numRuns: 20 },
    );
  },
);

test("[TR12] a replay says that it lives, tests nothing, keeps no file and ends with what it found", async () => {
  const job = await tinyJob({ changes: CHANGES });
  const events = await trained({ ...job, replay: { toStep: 30, withModel: true } }, { clock: clockOf(300) });
  expect(events[0]).toMatchObject({ kind: "started", firstStep: 1, totalSteps: 40 });
  expect(new Set(events.slice(1, -1).map(({ kind }) => kind))).toEqual(new Set(["progress"]));
  expect(ofKind(events, "progress").at(-1)).toMatchObject({ step: 30, secondsLeft: 0 });
  await expect(stat(job.outputDir)).rejects.toMatchObject({ code: "ENOENT" });
});

test("[TR12] the initial state has one hash: of a training, of a resumed one, and of a replay of no steps", async () => {
  const job = await tinyJob();
  const whole = await trained(job);
  const { initialSha256 } = defined(ofKind(whole, "started")[0], "the start");
  const [middle] = ofKind(whole, "checkpoint");
  const resumed = await trained(await tinyJob({ resumeFrom: middle?.path ?? "" }));
  expect(ofKind(resumed, "started")).toMatchObject([{ initialSha256, firstStep: 8 }]);
  const none = await replay(job, undefined, { toStep: 0 });
  expect(ofKind(none, "started")).toMatchObject([{ initialSha256 }]);
  expect(replayed(none)).toMatchObject({ step: 0, endSha256: initialSha256 });
  expect(replayed(await replay(job, middle, { toStep: 7 })).endSha256).toBe(middle?.sha256);
  const other = await trained(await tinyJob({ seed: "1", epochs: 1 }));
  expect(ofKind(other, "started")[0]?.initialSha256).not.toBe(initialSha256);
});

test("[TR12] the model of a replay has the hashes of the finished one, from its last checkpoint or from its last steps", async () => {
  const job = await tinyJob({ changes: CHANGES });
  const whole = await trained(job);
  const { onnxPath, weightsSha256 } = finished(whole);
  const expected = { onnxSha256: await sha256(onnxPath), weightsSha256 };
  const checkpoints = ofKind(whole, "checkpoint");
  const last = defined(checkpoints.at(-1), "the last checkpoint");
  const early = await replay(job, undefined, { toStep: 7, withModel: true, modelFrom: last.path });
  expect(replayed(early)).toMatchObject(expected);
  const ofOwnEnd = await replay(job, checkpoints.at(-2), { toStep: 40, withModel: true, modelFrom: last.path });
  expect(replayed(ofOwnEnd)).toMatchObject(expected);
  expect(replayed(await replay(job, checkpoints.at(-2), { toStep: 40, withModel: true }))).toMatchObject(expected);
  expect(replayed(await replay(job, undefined, { toStep: 7 }))).not.toHaveProperty("onnxSha256");
});

test("[TR13] on the same build an honest claim has distance 0, and tampered ones are as far as they were moved", async () => {
  const job = await tinyJob();
  const [start, claim] = ofKind(await trained(job), "checkpoint");
  const path = defined(claim, "the claim").path;
  const distance = async (claimed: string): Promise<number | undefined> =>
    replayed(await replay(job, start, { toStep: 14, claim: claimed })).distance;
  expect(await distance(path)).toBe(0);
  expect(await distance(await tampered(job, path, 0.1))).toBeGreaterThan(0.05);
  expect(await distance(await tampered(job, path, 10))).toBeGreaterThan(0.8);
});

test("[TR13] a claim of skipped steps, of another rate or of other weights is far, and its hash is another", async () => {
  const job = await tinyJob();
  const honest = ofKind(await trained(job), "checkpoint");
  const [start, end] = [defined(honest[0], "the start"), defined(honest[1], "the end")];
  const resumed = { resumeFrom: start.path, epochs: 4 };
  const lies: readonly (readonly [string, TrainingJob])[] = [
    ["half the rate", await tinyJob({ ...resumed, learningRate: 0.005 })],
    ["a change that nobody made", await tinyJob({ ...resumed, changes: [{ id: "x", step: 7, batchSize: 4 }] })],
  ];
  for (const [name, lie] of lies) {
    const claim = defined(ofKind(await trained(lie), "checkpoint")[0], "the claim");
    const answer = replayed(await replay(job, start, { toStep: 14, claim: claim.path }));
    expect(answer.endSha256, name).toBe(end.sha256);
    expect(answer.endSha256, name).not.toBe(claim.sha256);
    expect(answer.distance, name).toBeGreaterThan(0.05);
  }
  // Five of the seven steps, passed off as all of them.
  const stop = await tinyJob({ ...resumed, changes: [{ id: "x", step: 12, stop: true }] });
  const short = defined(ofKind(await trained(stop), "checkpoint")[0], "the claim");
  await using file = await SafetensorsFile.open(short.path);
  const tensors = new Map<string, Tensor>();
  for (const name of file.header.tensors.keys()) tensors.set(name, await file.read(name));
  const skipped = join(job.datasetPath, "..", "skipped.safetensors");
  const written = await writeSafetensors(skipped, tensors, { ...file.header.metadata, step: "14" });
  const answer = replayed(await replay(job, start, { toStep: 14, claim: skipped }));
  expect(answer.endSha256).not.toBe(written.sha256);
  expect(answer.distance).toBeGreaterThan(0.05);
  // The weights of another seed, passed off as this one's.
  const seed = await trained(await tinyJob({ seed: "5" }));
  expect(ofKind(seed, "started")[0]?.initialSha256).not.toBe(
    ofKind(await replay(job, undefined, { toStep: 0 }), "started")[0]?.initialSha256,
  );
});

test("[TR13] another runtime gives other bits, a distance far below what a lie gives, and the claimed model", async () => {
  const web = await loadOrtWeb();
  const job = await tinyJob({ checkpointEverySteps: 20 });
  const whole = await trained(job);
  const [start, claim] = ofKind(whole, "checkpoint");
  const { path, sha256: claimed } = defined(claim, "the claim");
  const resumed = { ...job, resumeFrom: defined(start, "the start").path };
  const spec = { toStep: 40, withModel: true, claim: path };
  const across = replayed(await trained({ ...resumed, replay: { ...spec, modelFrom: path } }, { driver: web }));
  // The model is made of the claimed checkpoint and computes nothing, so it has the same bits everywhere.
  const { onnxPath, weightsSha256 } = finished(whole);
  expect(across).toMatchObject({ onnxSha256: await sha256(onnxPath), weightsSha256 });
  const own = replayed(await trained({ ...resumed, replay: spec }, { driver: web }));
  expect(own.weightsSha256).not.toBe(weightsSha256);
  expect(across.endSha256).not.toBe(claimed);
  expect(across.distance).toBeGreaterThan(0);
  expect(across.distance).toBeLessThan(0.0001);
});

test("[TR7] [TR12] a job that fails by its own fault fails in the replay at the same step with the same words", async () => {
  const job = await tinyJob({ graph: REGRESSOR, learningRate: 1_000, epochs: 30 }, tinyDataset("regress"));
  const events = await trained(job);
  const failed = defined(ofKind(events, "failed")[0], "the failure");
  const from = ofKind(events, "checkpoint").at(-1);
  expect(failed).toMatchObject({ code: "backend/loss-not-finite" });
  expect((await replay(job, from, { toStep: failed.step })).at(-1)).toEqual(failed);
});

test.each<[string, Partial<TrainingJob>]>([
  ["an end beyond the job's", { replay: { toStep: 41, withModel: false } }],
  ["half a step", { replay: { toStep: 1.5, withModel: false } }],
  ["a waiting change", { replay: { toStep: 7, withModel: false }, changes: [{ id: "a", learningRate: 1 }] }],
  ["a stop on its way", { replay: { toStep: 7, withModel: false }, changes: [{ id: "a", step: 6, stop: true }] }],
])("a replay with %s is refused before any step", async (_name, settings) => {
  expect(await trained(await tinyJob(settings))).toMatchObject([
    { kind: "failed", blame: "job", code: "backend/setting-invalid", step: 0 },
  ]);
});

test("a replay that would go backwards, and a claim of another step or run, are refused", async () => {
  const job = await tinyJob();
  const [first, second] = ofKind(await trained(job), "checkpoint");
  expect(await replay(job, second, { toStep: 7 })).toMatchObject([{ code: "backend/setting-invalid" }]);
  const early = await replay(job, first, { toStep: 14, claim: first?.path ?? "" });
  expect(early.at(-1)).toMatchObject({ kind: "failed", code: "backend/checkpoint-mismatch" });
  const [other] = ofKind(await trained(await tinyJob({ seed: "3" })), "checkpoint");
  const foreign = await replay(job, undefined, { toStep: 7, claim: other?.path ?? "" });
  expect(foreign.at(-1)).toMatchObject({ kind: "failed", code: "backend/checkpoint-mismatch", step: 7 });
});

test("a replay that is stopped says nothing, and that is its node's doing", async () => {
  let looks = 0;
  const job = await tinyJob({ replay: { toStep: 30, withModel: false } });
  const events = await trained(job, { isStopped: () => looks++ === 5, clock: clockOf(1_000) });
  expect(events.at(-1)).toMatchObject({ kind: "failed", blame: "node", code: "backend/replay-stopped", step: 5 });
});

test("[TR12] a whole job that is trained again with its changes repeats every checkpoint", async () => {
  const first = await trained(await tinyJob({ changes: CHANGES }));
  const again = await trained(await tinyJob({ changes: CHANGES }), { clock: clockOf(30) });
  expect(checkpointHashes(again)).toEqual(checkpointHashes(first));
});
