import { defined } from "@cyxwiz/primitives";
import fc from "fast-check";
import { expect, test } from "vitest";
import { checkpointHashes, clockOf, finished, type Of, ofKind, trained } from "./run-job.fixture.ts";
import { REGRESSOR, tinyDataset, tinyJob } from "./tiny-job.fixture.ts";
import type { TrainingChange, TrainingEvent } from "./training-job.ts";

/** Gives the changes once `step` is reached, as a user would who watches the steps go by one by one. */
function live(...planned: readonly (readonly [step: number, change: TrainingChange])[]) {
  let looks = -1;
  return {
    clock: clockOf(1_000),
    takeChanges: () => {
      looks++;
      return planned.filter(([step]) => step === looks).map(([, change]) => change);
    },
  };
}

const order = (events: readonly TrainingEvent[]): string[] =>
  events
    .filter((event) => event.kind !== "progress" && event.kind !== "started")
    .map((event) => `${event.kind} ${"step" in event ? event.step : ""}`);

test("[TR9] a change that comes while training is reported, and the same change named with its step gives the same bits", async () => {
  const changed = await trained(
    await tinyJob(),
    live([10, { id: "slower", learningRate: 0.001 }], [14, { id: "smaller", batchSize: 2 }]),
  );
  expect(ofKind(changed, "changed")).toEqual([
    { kind: "changed", id: "slower", step: 10 },
    { kind: "changed", id: "smaller", step: 14 },
  ]);
  const steps: readonly TrainingChange[] = [
    { id: "slower", step: 10, learningRate: 0.001 },
    { id: "smaller", step: 14, batchSize: 2 },
  ];
  const again = await trained(await tinyJob({ changes: steps }));
  expect(ofKind(again, "changed")).toEqual(ofKind(changed, "changed"));
  expect(checkpointHashes(again)).toEqual(checkpointHashes(changed));
  expect(finished(again).weightsSha256).toBe(finished(changed).weightsSha256);
  const plain = checkpointHashes(await trained(await tinyJob()));
  const hashes = checkpointHashes(changed);
  expect(hashes[0]).toEqual(plain[0]);
  expect(hashes[1]?.[1]).not.toBe(plain[1]?.[1]);
});

test("[TR9] waiting changes take effect at once where a run begins, and those before it without a word", async () => {
  const before: TrainingChange = { id: "a", step: 5, learningRate: 0.02 };
  const whole = await trained(await tinyJob({ changes: [before] }));
  const checkpoint = defined(ofKind(whole, "checkpoint")[1], "the second checkpoint");
  const resumed = await trained(
    await tinyJob({ resumeFrom: checkpoint.path, changes: [before, { id: "b", learningRate: 0.001 }] }),
  );
  expect(order(resumed)[0]).toBe("changed 14");
  const named = [before, { id: "b", step: 14, learningRate: 0.001 }];
  expect(checkpointHashes(await trained(await tinyJob({ changes: named }))).slice(2)).toEqual(
    checkpointHashes(resumed),
  );
});

test("[TR10] a smaller batch from the start is the job of that batch: same updates, fewer and longer steps", async () => {
  for (const task of ["classify", "regress"] as const) {
    const graph = task === "classify" ? {} : { graph: REGRESSOR };
    const split = await trained(
      await tinyJob({ ...graph, changes: [{ id: "a", step: 0, batchSize: 4 }] }, tinyDataset(task)),
    );
    const small = await trained(await tinyJob({ ...graph, batchSize: 4 }, tinyDataset(task)));
    expect(finished(split).weightsSha256).toBe(finished(small).weightsSha256);
    expect([finished(split).step, finished(small).step]).toEqual([40, 80]);
    expect(finished(split).metrics["test_loss"]).toBeCloseTo(finished(small).metrics["test_loss"] ?? 0, 5);
  }
});

test("[TR10] loss and accuracy of a step are those of all its samples", async () => {
  // Every look at the clock is another second, so each run of a whole step is reported.
  const [split, small] = await Promise.all(
    [{ changes: [{ id: "a", step: 0, batchSize: 2 }] }, { batchSize: 2 }].map(async (settings) =>
      ofKind(await trained(await tinyJob({ epochs: 1, ...settings }), { clock: clockOf(1_000) }), "progress"),
    ),
  );
  const ofStep = (step: number): readonly Of<"progress">[] => (small ?? []).slice(4 * step - 4, 4 * step);
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  expect(split?.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  for (const { step, loss, accuracy } of split ?? []) {
    expect(loss).toBeCloseTo(mean(ofStep(step).map((event) => event.loss)), 10);
    expect(accuracy).toBe(mean(ofStep(step).map((event) => event.accuracy ?? Number.NaN)));
  }
});

test("[TR4] [TR10] how many updates one run takes changes no bit, also where a step has several", async () => {
  for (const batchSize of [1, 2, 4]) {
    const settings = { graph: REGRESSOR, changes: [{ id: "a", step: 4, batchSize }] };
    const data = tinyDataset("regress");
    const [together, oneByOne, some] = await Promise.all(
      [0, 1_000, 8].map(async (ms) => trained(await tinyJob(settings, data), { clock: clockOf(ms) })),
    );
    const hashes = checkpointHashes(defined(together, "a training"));
    expect(hashes).toHaveLength(6);
    expect(checkpointHashes(defined(oneByOne, "a training"))).toEqual(hashes);
    expect(checkpointHashes(defined(some, "a training"))).toEqual(hashes);
  }
});

test(
  "[TR5] [TR9] a training with changes that is resumed from any checkpoint ends with the bits of the unbroken one",
  { timeout: 60_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record(
            {
              step: fc.nat({ max: 39 }),
              learningRate: fc.constantFrom(0.001, 0.02),
              batchSize: fc.constantFrom(2, 4, 8),
            },
            { requiredKeys: ["step"] },
          ),
          { maxLength: 4 },
        ),
        fc.nat({ max: 4 }),
        async (drawn, at) => {
          const changes = drawn
            .toSorted((a, b) => a.step - b.step)
            .map((change, i): TrainingChange => ({ id: String(i), ...change }));
          const whole = await trained(await tinyJob({ changes }));
          const { path, step } = defined(ofKind(whole, "checkpoint")[at], "a checkpoint");
          const resumed = await trained(await tinyJob({ changes, resumeFrom: path }));
          expect(checkpointHashes(resumed)).toEqual(checkpointHashes(whole).slice(at + 1));
          expect(ofKind(resumed, "changed")).toEqual(ofKind(whole, "changed").filter((event) => event.step > step));
          expect(finished(resumed).weightsSha256).toBe(finished(whole).weightsSha256);
          expect(finished(resumed).metrics).toEqual(finished(whole).metrics);
        },
      ),
      { numRuns: 10 },
    );
  },
);

test("[TR11] a stop ends the training: change, then checkpoint and model of that very step", async () => {
  const stopped = await trained(await tinyJob(), live([12, { id: "enough", stop: true }]));
  expect(order(stopped)).toEqual(["checkpoint 7", "epoch 10", "changed 12", "checkpoint 12", "finished 12"]);
  const again = await trained(await tinyJob({ changes: [{ id: "enough", step: 12, stop: true }] }));
  expect(order(again)).toEqual(order(stopped));
  expect(checkpointHashes(again)).toEqual(checkpointHashes(stopped));
  expect(finished(again).weightsSha256).toBe(finished(stopped).weightsSha256);
});

test("[TR11] a checkpoint that is due comes before the stop, and a run that goes on there only makes the model", async () => {
  const changes = [{ id: "enough", step: 14, stop: true }];
  const stopped = await trained(await tinyJob({ changes }));
  expect(order(stopped).slice(-3)).toEqual(["checkpoint 14", "changed 14", "finished 14"]);
  const { path } = defined(ofKind(stopped, "checkpoint").at(-1), "the last checkpoint");
  const resumed = await trained(await tinyJob({ changes, resumeFrom: path }));
  expect(order(resumed)).toEqual(["finished 14"]);
  expect(finished(resumed).weightsSha256).toBe(finished(stopped).weightsSha256);
});

test("a change that the job does not allow is the job's fault, with the step", async () => {
  const bad = await trained(await tinyJob(), live([3, { id: "odd", batchSize: 3 }]));
  expect(bad.at(-1)).toMatchObject({ kind: "failed", blame: "job", code: "backend/setting-invalid", step: 3 });
  expect(bad.at(-1)).toHaveProperty("message", expect.stringContaining("1, 2, 4, 8"));
  const norm = await trained(await tinyJob(), live([3, { id: "one", batchSize: 1 }]));
  expect(norm.at(-1)).toMatchObject({ kind: "failed", blame: "job", code: "graph/batch-size-too-small", step: 3 });
});
