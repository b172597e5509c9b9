import type { CompiledModel, StateTensor } from "@cyxwiz/graph";
import { defined } from "@cyxwiz/primitives";
import type { StateTensors } from "../driver/training-driver.ts";

/** Three states of one model: where an interval began, where its re-run ended, and where it is claimed to have ended. */
export interface IntervalStates {
  readonly start: StateTensors;
  readonly own: StateTensors;
  readonly claim: StateTensors;
}

/**
 * How far a claim is from the re-run, measured by how far it went: ‖own − claim‖₂ ÷ ‖claim − start‖₂ over weights and
 * statistics, in double precision. The optimizer's tensors are left out: their scale says nothing about the model.
 *
 * Of the tensors that rounding decides (`absorbedTensors`) only what rounding cannot explain counts: the part of a
 * difference that exceeds twice the farthest way that any single weight went in the re-run.
 *
 * 0 where own and claim are equal or rounding explains all; infinite where the claim did not move or a value is not finite.
 */
export function stateDistance(
  model: CompiledModel,
  states: IntervalStates,
  absorbed: ReadonlySet<string> = new Set(),
): number {
  const tensors = model.state.filter(({ role }) => role !== "optimizer");
  const allowance = 2 * farthest(tensors, states);
  let difference = 0;
  let movement = 0;
  for (const { name } of tensors) {
    const { from, own, claim } = valuesOf(name, states);
    const allowed = absorbed.has(name) ? allowance : 0;
    claim.forEach((claimed, i) => {
      const way = Object.is(own[i], claimed) ? 0 : Math.abs((own[i] as number) - claimed);
      difference += Math.max(0, way - allowed) ** 2;
      if (allowed === 0) movement += (claimed - (from[i] as number)) ** 2;
    });
  }
  if (difference === 0) return 0;
  const distance = Math.sqrt(difference / movement);
  return Number.isNaN(distance) ? Number.POSITIVE_INFINITY : distance;
}

function farthest(tensors: readonly StateTensor[], states: IntervalStates): number {
  let most = 0;
  for (const { name, role } of tensors) {
    if (role !== "weight") continue;
    const { from, own } = valuesOf(name, states);
    own.forEach((value, i) => (most = Math.max(most, Math.abs(value - (from[i] as number)))));
  }
  return most;
}

function valuesOf(
  name: string,
  { start, own, claim }: IntervalStates,
): { readonly from: Float32Array; readonly own: Float32Array; readonly claim: Float32Array } {
  return {
    from: defined(start.get(name), name),
    own: defined(own.get(name), name),
    claim: defined(claim.get(name), name),
  };
}
