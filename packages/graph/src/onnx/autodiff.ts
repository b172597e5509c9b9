/**
 * Reverse-mode differentiation over an emitter's tape.
 *
 * The tape is in topological order; walking it backwards meets every value after all of its uses, so one pass gives all
 * gradients. Only the part between the asked inputs and the outputs is emitted: the first layer's input gradient, the
 * dearest one of a convolution, never is.
 */
import type { Emitter, Value } from "./emitter.ts";
import { binary } from "./plain.ts";

/**
 * Gradients of `inputs`, in order, given the gradient of `output`; undefined where `output` does not depend on one.
 *
 * Shapes: `gradient` as `output`; each result as its input. Adds nodes to the emitter.
 */
export function gradients(
  emit: Emitter,
  output: Value,
  gradient: Value,
  inputs: readonly Value[],
): readonly (Value | undefined)[] {
  const tape = emit.tape;
  const asked = new Set(inputs.map((input) => input.name));
  for (const entry of tape) {
    if (entry.inputs.some((input) => asked.has(input.name))) asked.add(entry.output.name);
  }
  const found = new Map<string, Value>([[output.name, gradient]]);
  for (const entry of tape.toReversed()) {
    const outgoing = found.get(entry.output.name);
    if (!outgoing || !asked.has(entry.output.name)) continue;
    const incoming = entry.backward(outgoing, (input) => asked.has(input.name));
    for (const [index, input] of entry.inputs.entries()) {
      const part = incoming[index];
      if (!part || !asked.has(input.name)) continue;
      const before = found.get(input.name);
      found.set(input.name, before ? binary(emit, "Add", before, part) : part);
    }
  }
  return inputs.map((input) => found.get(input.name));
}
