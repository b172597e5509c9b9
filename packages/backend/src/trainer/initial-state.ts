import type { CompiledModel, Initializer } from "@cyxwiz/graph";
import { PhiloxStream, STREAM } from "@cyxwiz/primitives";
import { elements } from "../dataset/samples.ts";
import type { StateTensors } from "../driver/training-driver.ts";

/**
 * The state before the first step: a pure function of model and seed.
 *
 * Weight number n of the model (its place in `model.state`) draws from Philox stream `initialWeights`, lane n.
 */
export function initialState(model: CompiledModel, seed: bigint): StateTensors {
  return new Map(
    model.state.map(({ name, shape, init }, lane) => {
      const random = new PhiloxStream(seed, STREAM.initialWeights, 0, lane);
      return [name, initialTensor(init, elements(shape), random)];
    }),
  );
}

function initialTensor(init: Initializer, length: number, random: PhiloxStream): Float32Array {
  const values = new Float32Array(length);
  if (init.kind === "ones") return values.fill(1);
  if (init.kind === "zeros") return values;
  const bound = 1 / Math.sqrt(init.fanIn);
  for (let i = 0; i < length; i++) values[i] = (2 * random.nextUnit() - 1) * bound;
  return values;
}
