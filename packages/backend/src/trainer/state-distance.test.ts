import { type CompiledModel, compile, parseCyxwiz } from "@cyxwiz/graph";
import { expect, test } from "vitest";
import type { StateTensors } from "../driver/training-driver.ts";
import { initialState } from "./initial-state.ts";
import { stateDistance } from "./state-distance.ts";
import { CLASSIFIER, FEATURES } from "./tiny-job.fixture.ts";

const model: CompiledModel = compile(parseCyxwiz(CLASSIFIER), {
  batchSize: 8,
  sampleShape: [FEATURES],
  stepsPerRun: 1,
});
const start = initialState(model, 1n);

/** The state with `value` added to the first number of every tensor of a role. */
function moved(state: StateTensors, role: string, value: number): StateTensors {
  return new Map(
    model.state.map((tensor) => {
      const values = (state.get(tensor.name) ?? new Float32Array()).slice();
      if (tensor.role === role) values[0] = (values[0] ?? 0) + value;
      return [tensor.name, values];
    }),
  );
}

test("[TR13] the distance is the difference in units of the claim's own way", () => {
  const claim = moved(start, "weight", 1);
  expect(stateDistance(model, { start, own: claim, claim })).toBe(0);
  expect(stateDistance(model, { start, own: moved(start, "weight", 1.5), claim })).toBeCloseTo(0.5, 5);
  expect(stateDistance(model, { start, own: moved(claim, "statistic", 1), claim })).toBeGreaterThan(0.1);
});

test("[TR13] the optimizer's tensors do not count", () => {
  const claim = moved(start, "weight", 1);
  expect(stateDistance(model, { start, own: moved(claim, "optimizer", 100), claim })).toBe(0);
});

test("[TR13] a claim that did not move is infinitely far from a re-run that did, and one of no numbers from all", () => {
  expect(stateDistance(model, { start, own: moved(start, "weight", 1), claim: start })).toBe(Number.POSITIVE_INFINITY);
  expect(stateDistance(model, { start, own: start, claim: start })).toBe(0);
  const broken = moved(start, "weight", Number.NaN);
  expect(stateDistance(model, { start, own: moved(start, "weight", 1), claim: broken })).toBe(Number.POSITIVE_INFINITY);
  expect(stateDistance(model, { start, own: broken, claim: broken })).toBe(0);
});

test("[TR13] where rounding decides, only what exceeds twice the re-run's farthest way counts", () => {
  const own = moved(start, "weight", 1);
  const absorbed = new Set(["dense-1.bias", "batchnorm-1.running_mean"]);
  const shifted = (by: number): StateTensors =>
    new Map([...own].map(([name, values]) => [name, absorbed.has(name) ? values.map((value) => value + by) : values]));
  expect(stateDistance(model, { start, own, claim: shifted(1.9) }, absorbed)).toBe(0);
  expect(stateDistance(model, { start, own, claim: shifted(1.9) })).toBeGreaterThan(0.5);
  expect(stateDistance(model, { start, own, claim: shifted(100) }, absorbed)).toBeGreaterThan(50);
});
