import { expect, test } from "vitest";
import { CHANGES } from "../limits.ts";
import { ChangeSchedule } from "./change-schedule.ts";
import type { TrainingChange } from "./training-job.ts";

function schedule(changes: readonly TrainingChange[] = [], begin = 0): ChangeSchedule {
  const made = new ChangeSchedule({ batchSize: 12, learningRate: 0.1 }, changes);
  made.begin(begin);
  return made;
}

const ids = (changes: readonly TrainingChange[]): string[] => changes.map(({ id }) => id);

test("[TR9] a change holds from the step after the one it names, and not before", () => {
  const made = schedule([{ id: "a", step: 3, learningRate: 0.5 }]);
  expect(made.nextStep).toBe(3);
  expect(made.takeAt(2)).toEqual([]);
  expect(made.learningRate).toBe(0.1);
  expect(ids(made.takeAt(3))).toEqual(["a"]);
  expect(made.learningRate).toBe(0.5);
  expect(made.nextStep).toBe(Number.POSITIVE_INFINITY);
});

test("[TR9] changes keep their order: one that waits behind one with a step waits for that step", () => {
  const made = schedule([{ id: "a", learningRate: 1 }, { id: "b", step: 5, learningRate: 2 }, { id: "c" }]);
  made.add([{ id: "d", batchSize: 4 }]);
  expect(ids(made.takeAt(2))).toEqual(["a"]);
  expect(ids(made.takeAt(5))).toEqual(["b", "c", "d"]);
  expect([made.learningRate, made.batchSize]).toEqual([2, 4]);
});

test("[TR9] a change that is sent again, with its step or without, is the one that is known", () => {
  const made = schedule([{ id: "a", step: 3, learningRate: 0.5 }], 5);
  made.add([
    { id: "a", step: 3, learningRate: 0.5 },
    { id: "b", learningRate: 2 },
    { id: "b", learningRate: 2 },
  ]);
  expect(ids(made.takeAt(6))).toEqual(["b"]);
  made.add([
    { id: "a", learningRate: 0.5 },
    { id: "b", step: 6, learningRate: 2 },
  ]);
  expect(made.takeAt(7)).toEqual([]);
  expect(made.learningRate).toBe(2);
});

test("[TR10] updates are counted through every batch size, also by a run that begins in the middle", () => {
  const changes: readonly TrainingChange[] = [
    { id: "a", step: 10, batchSize: 4 },
    { id: "b", step: 15, batchSize: 1 },
    { id: "c", step: 17, batchSize: 12 },
  ];
  const whole = schedule(changes);
  const counted: number[] = [];
  for (let step = 0; step <= 20; step++) {
    whole.takeAt(step);
    counted.push(whole.updatesAt(step));
  }
  expect([counted[10], counted[15], counted[17], counted[20]]).toEqual([10, 25, 49, 52]);
  for (let step = 0; step <= 20; step++) expect(schedule(changes, step).updatesAt(step)).toBe(counted[step]);
});

test("[TR11] nothing behind a stop takes effect", () => {
  const made = schedule([
    { id: "a", stop: true },
    { id: "b", learningRate: 1 },
  ]);
  expect(ids(made.takeAt(4))).toEqual(["a"]);
  expect(made.isEnd).toBe(true);
  expect(made.learningRate).toBe(0.1);
  expect(schedule([{ id: "a", step: 4, stop: true }], 4).isEnd).toBe(true);
});

test.each<[string, TrainingChange, string]>([
  ["a batch that does not divide the job's", { id: "x", batchSize: 5 }, "1, 2, 3, 4, 6, 12"],
  ["a larger batch", { id: "x", batchSize: 24 }, "1, 2, 3, 4, 6, 12"],
  ["a batch of none", { id: "x", batchSize: 0 }, "1, 2, 3, 4, 6, 12"],
  ["half a sample", { id: "x", batchSize: 0.5 }, "1, 2, 3, 4, 6, 12"],
  ["a negative learning rate", { id: "x", learningRate: -1 }, "a number over 0"],
  ["a step that is no number", { id: "x", step: 1.5, learningRate: 1 }, "a whole number"],
])("%s is refused with what is allowed", (_name, change, allowed) => {
  expect(() => schedule([change])).toThrow(
    expect.objectContaining({
      code: "backend/setting-invalid",
      message: expect.stringMatching(new RegExp(`change x .*${allowed}`)) as string,
    }),
  );
});

test("a step that is done, one out of order, a stop that was passed and too many changes are refused", () => {
  const refused = expect.objectContaining({ code: "backend/setting-invalid" });
  const late = schedule();
  late.takeAt(9);
  late.add([{ id: "a", step: 7, learningRate: 1 }]);
  expect(() => late.takeAt(9)).toThrow(refused);
  const twisted: readonly TrainingChange[] = [
    { id: "a", step: 8, learningRate: 1 },
    { id: "b", step: 7, learningRate: 2 },
  ];
  expect(() => schedule(twisted, 10)).toThrow(refused);
  expect(() => schedule([{ id: "a", step: 3, stop: true }], 4)).toThrow(refused);
  const many = Array.from({ length: CHANGES + 1 }, (_, i) => ({ id: String(i) }));
  expect(() => schedule(many)).toThrow(refused);
});
