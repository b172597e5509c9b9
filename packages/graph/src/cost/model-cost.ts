/**
 * What a graph costs before it runs: operations, bytes, and the memory of a training step.
 *
 * Sums over the catalogue's per-layer figures; an estimate for quotes and for picking a machine, not a measurement.
 * Tensors that two layers keep are counted for both, so memory errs to the large side.
 * @see SPEC.md CO1 to CO6.
 */
import { assert, defined } from "@cyxwiz/primitives";
import { optimizerOf } from "../compile/optimizer.ts";
import type { Params, Shape } from "../layer/layer-definition.ts";
import { CATALOGUE } from "../layers/catalogue.ts";
import { elementCount } from "../layers/shape-rule.ts";
import type { ShapedGraph } from "../shape/infer-shapes.ts";

/** Every tensor is float32. */
const BYTES_PER_ELEMENT = 4;

/**
 * Copies of weights and optimizer state while the ONNX driver trains: fed, taken into the loop, before and after the
 * step, and handed back. With 5 the estimate was 1.02 to 1.28 times what onnxruntime-node took, over a convolutional
 * network at batch 64 and 512 and a dense one of 1.9 million weights at batch 128 and 1,024.
 */
const STATE_COPIES = 5;

/** A checkpoint's own fields, beside its tensors: step, data cursor, seed, hashes. */
const CHECKPOINT_FIXED_BYTES = 1024;

/** A tensor's entry in the checkpoint's header: name (at most 64 + 32 characters), type, shape and offsets as JSON. */
const CHECKPOINT_TENSOR_BYTES = 192;

/** Plain data, so that it can be kept with a quote. Units: single operations, bytes; "per sample" is one row of a batch. */
export interface ModelCost {
  readonly batchSize: number;
  /** Numbers that training changes; running statistics are not among them. */
  readonly parameterCount: number;
  readonly forwardFlopsPerSample: number;
  /** Forward, backward, and the sample's share of the optimizer's step. */
  readonly trainFlopsPerSample: number;
  /** Weights and running statistics. */
  readonly weightBytes: number;
  /** What the optimizer keeps from step to step. */
  readonly optimizerBytes: number;
  /** What the backward pass reads again. */
  readonly activationBytesPerSample: number;
  /** One input sample; a driver that feeds K steps at once holds K × batchSize of them. */
  readonly sampleBytes: number;
  /** Memory of one training step at `batchSize`, without the runtime's own. */
  readonly peakTrainingBytes: number;
  /** Upper bound of a checkpoint: weights, statistics, optimizer state, header. */
  readonly checkpointBytes: number;
}

/** Running sums over the layers. */
interface Totals {
  weights: number;
  statistics: number;
  modelTensors: number;
  weightTensors: number;
  forwardFlops: number;
  backwardFlops: number;
  activationBytes: number;
  workingBytes: number;
}

/**
 * Cost of training and keeping a graph that `inferShapes` has accepted.
 *
 * Units: `batchSize` in samples, a whole number above 0. Cost: linear in nodes. Pure.
 */
export function costOf(shaped: ShapedGraph, batchSize: number): ModelCost {
  assert(Number.isSafeInteger(batchSize) && batchSize >= 1, "the batch size is a whole number above 0");
  const totals = sumLayers(shaped);
  const optimizer = optimizerCost(shaped);
  const weightBytes = BYTES_PER_ELEMENT * (totals.weights + totals.statistics);
  const optimizerBytes = BYTES_PER_ELEMENT * totals.weights * optimizer.slots;
  const stateTensors = totals.modelTensors + totals.weightTensors * optimizer.slots;
  const sample = defined(
    shaped.order.find((node) => node.type === "DatasetInput"),
    "the DatasetInput",
  );
  return {
    batchSize,
    parameterCount: totals.weights,
    forwardFlopsPerSample: totals.forwardFlops,
    trainFlopsPerSample:
      totals.forwardFlops + totals.backwardFlops + Math.ceil((totals.weights * optimizer.flopsPerWeight) / batchSize),
    weightBytes,
    optimizerBytes,
    activationBytesPerSample: totals.activationBytes,
    sampleBytes: BYTES_PER_ELEMENT * elementCount(defined(shaped.shapes.get(sample.id), "the sample's shape")),
    peakTrainingBytes:
      STATE_COPIES * (weightBytes + optimizerBytes) +
      BYTES_PER_ELEMENT * totals.weights +
      batchSize * (totals.activationBytes + totals.workingBytes),
    checkpointBytes: weightBytes + optimizerBytes + stateTensors * CHECKPOINT_TENSOR_BYTES + CHECKPOINT_FIXED_BYTES,
  };
}

function sumLayers(shaped: ShapedGraph): Totals {
  const totals: Totals = {
    weights: 0,
    statistics: 0,
    modelTensors: 0,
    weightTensors: 0,
    forwardFlops: 0,
    backwardFlops: 0,
    activationBytes: 0,
    workingBytes: 0,
  };
  for (const node of shaped.order) {
    const definition = CATALOGUE[node.type];
    const inputs: readonly Shape[] = defined(shaped.inputs.get(node.id), "the input shapes of a node");
    const output: Shape = defined(shaped.shapes.get(node.id), "the shape of a node");
    const params: Params = defined(shaped.params.get(node.id), "the parameters of a node");
    const cost = definition.cost(inputs, output, params);
    totals.forwardFlops += cost.forwardFlops;
    totals.backwardFlops += cost.backwardFlops;
    totals.activationBytes += cost.activationBytes;
    // While a layer runs, its inputs, its output and their gradients are in memory together.
    const touched = [...inputs, output].reduce((sum, shape) => sum + elementCount(shape), 0);
    totals.workingBytes = Math.max(totals.workingBytes, 2 * BYTES_PER_ELEMENT * touched);
    for (const spec of definition.parameters(node.id, inputs, params)) {
      totals.modelTensors += 1;
      if (spec.role === "weight") totals.weightTensors += 1;
      totals[spec.role === "weight" ? "weights" : "statistics"] += elementCount(spec.shape);
    }
  }
  return totals;
}

/** Tensors kept per weight, and operations of one step per weight: the terms of the formulas in `compile/optimizer.ts`. */
function optimizerCost(shaped: ShapedGraph): { readonly slots: number; readonly flopsPerWeight: number } {
  const node = defined(
    shaped.order.find((candidate) => CATALOGUE[candidate.type].role === "optimizer"),
    "the optimizer",
  );
  const params = defined(shaped.params.get(node.id), "the optimizer's parameters");
  const slots = optimizerOf(node.type, params).slots.length;
  const decay = params["weight_decay"] === 0 ? 0 : 2;
  const momentum = slots === 0 ? 0 : 2;
  return { slots, flopsPerWeight: decay + (node.type === "SGD" ? 2 + momentum : 10) };
}
