/**
 * The forward graph, for prediction with weights as inputs and for export with weights inside.
 *
 * Both leave the batch axis free, so that an incomplete last batch needs no second program, and both hold nothing but
 * ONNX's own operators: other tools read the exported file.
 */
import { AppError, assert, AssertionError, defined } from "@cyxwiz/primitives";
import type { Shape } from "../layer/layer-definition.ts";
import { Emitter } from "../onnx/emitter.ts";
import { encodeModel } from "../onnx/model-proto.ts";
import type { TensorProto } from "../onnx/model-proto.ts";
import { float32Bytes } from "../onnx/tensor-data.ts";
import { COMPILE_ERRORS } from "./compile-errors.ts";
import type { StateTensor } from "./compiled-model.ts";
import { lowerNetwork } from "./lower-network.ts";
import type { Network } from "./network.ts";
import { PRODUCER } from "./producer.ts";

export interface PredictSource {
  readonly network: Network;
  /** Weights and statistics; optimizer tensors are not asked for. */
  readonly state: readonly StateTensor[];
  readonly sampleShape: Shape;
}

/** Inputs `x` and every weight and statistic, output `y`. Pure. */
export function buildPredictProgram(source: PredictSource): Uint8Array {
  const graph = forwardGraph(source, { name: "predict", input: "x", output: "y" });
  return encodeModel({ producer: PRODUCER, graph, metadata: {} });
}

export interface ExportSource extends PredictSource {
  readonly graphName: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly weights: ReadonlyMap<string, Float32Array>;
}

/**
 * The file that a user takes along: input `input` [batch, ...sample], output `output` [batch, ...answer]. Pure.
 *
 * @throws AppError `graph/weight-not-found`, `graph/weight-size-mismatch`.
 */
export function buildExport(source: ExportSource): Uint8Array {
  const weights = source.state.map((tensor) => readWeight(tensor, source.weights));
  const graph = forwardGraph(source, { name: source.graphName, input: "input", output: "output", weights });
  return encodeModel({ producer: PRODUCER, graph, metadata: source.metadata });
}

interface ForwardNames {
  readonly name: string;
  readonly input: string;
  readonly output: string;
  /** Given for a file with its weights inside. */
  readonly weights?: readonly TensorProto[];
}

function forwardGraph(source: PredictSource, names: ForwardNames) {
  const emit = new Emitter();
  const parameters = source.state.map(({ name, shape }) => ({ name, shape, type: "float32" }) as const);
  const parameterOf = new Map(parameters.map((value) => [value.name, value]));
  const input = { name: names.input, shape: [1, ...source.sampleShape], type: "float32" } as const;
  const answer = lowerNetwork(source.network, source.network.answerId, {
    emit,
    mode: "infer",
    input,
    parameter: (name) => defined(parameterOf.get(name), name),
    updateStatistic: (name) => assert(false, `${name} moves only while training`),
    dropoutMask: ({ node }) => {
      throw new AssertionError(`${node.id} drops values only while training`);
    },
  });
  const freeBatch = { name: names.input, type: input.type, shape: ["batch", ...source.sampleShape] };
  return emit.finish({
    name: names.name,
    inputs: names.weights ? [freeBatch] : [freeBatch, ...parameters],
    outputs: [
      { value: answer, info: { name: names.output, type: answer.type, shape: ["batch", ...answer.shape.slice(1)] } },
    ],
    ...(names.weights ? { weights: names.weights } : {}),
  });
}

function readWeight(tensor: StateTensor, weights: ReadonlyMap<string, Float32Array>): TensorProto {
  const values = weights.get(tensor.name);
  if (!values) {
    throw new AppError(COMPILE_ERRORS.WEIGHT_NOT_FOUND, { weight: tensor.name, given: [...weights.keys()] });
  }
  const expected = tensor.shape.reduce((product, extent) => product * extent, 1);
  if (values.length !== expected) {
    throw new AppError(COMPILE_ERRORS.WEIGHT_SIZE_MISMATCH, { weight: tensor.name, expected, given: values.length });
  }
  return { name: tensor.name, type: "float32", shape: tensor.shape, data: float32Bytes(values) };
}
