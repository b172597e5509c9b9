/**
 * Graph in, ONNX bytes out: the training program, the prediction program and the export, with their contract.
 *
 * Nothing is run here and nothing is random: the same graph and options give the same bytes on every machine.
 */
import { AppError, defined } from "@cyxwiz/primitives";
import type { Shape } from "../layer/layer-definition.ts";
import { numberParam } from "../layers/read-param.ts";
import { elementCount } from "../layers/shape-rule.ts";
import type { Graph } from "../model/graph.ts";
import { inferShapes } from "../shape/infer-shapes.ts";
import { COMPILE_ERRORS } from "./compile-errors.ts";
import { MAX_BATCH_SIZE, MAX_INPUT_ELEMENTS, MAX_STEPS_PER_RUN } from "./compile-limits.ts";
import type { CompiledModel, CompileOptions, StateTensor } from "./compiled-model.ts";
import { LOWERING } from "./lowering.ts";
import { readNetwork } from "./network.ts";
import type { Network } from "./network.ts";
import { optimizerOf } from "./optimizer.ts";
import type { Optimizer } from "./optimizer.ts";
import { buildExport, buildPredictProgram } from "./predict-program.ts";
import { buildTrainProgram } from "./train-program.ts";

/**
 * Compiles a graph for samples of one shape.
 *
 * Shapes: `sampleShape` without the batch axis. Cost: linear in layers; some milliseconds, and tens of kilobytes. Pure.
 * @throws AppError `graph/not-compilable` (ask `checkGraph` first, for problems with their fixes),
 * `graph/compile-option-out-of-range`, `graph/batch-size-too-small` (BatchNorm over a single value).
 */
export function compile(graph: Graph, options: CompileOptions): CompiledModel {
  checkOptions(options);
  const { batchSize, sampleShape, stepsPerRun } = options;
  const shaped = inferShapes(graph, sampleShape);
  if (shaped.kind === "invalid") {
    const problems = shaped.problems.filter((problem) => problem.severity === "error");
    throw new AppError(COMPILE_ERRORS.GRAPH_INVALID, {
      name: graph.name,
      problems: problems.map((problem) => `${problem.message} (${problem.fix})`),
    });
  }
  const network = readNetwork(graph, shaped);
  checkBatchStatistics(network, batchSize);
  const optimizer = optimizerOf(network.optimizer.type, network.optimizerParams);
  const model = modelState(network);
  const state = [...model, ...optimizerState(model, optimizer)];
  const task = network.loss.type === "CrossEntropyLoss" ? "classify" : "regress";
  const outputShape = shapeOf(network, network.answerId);
  return {
    lowering: LOWERING,
    batchSize,
    sampleShape,
    outputShape,
    task,
    state,
    train: buildTrainProgram({
      network,
      optimizer,
      state,
      task,
      batchSize,
      sampleShape,
      outputShape: shapeOf(network, network.predictionId),
      stepsPerRun,
    }),
    predict: { onnx: buildPredictProgram({ network, state: model, sampleShape }) },
    scalarsAt: (step, learningRate) => optimizer.scalarsAt(step, learningRate),
    defaultLearningRate: numberParam(network.optimizerParams, "learning_rate"),
    exportOnnx: (weights) =>
      buildExport({
        network,
        state: model,
        sampleShape,
        weights,
        graphName: graph.name,
        metadata: { "cyxwiz.graph": graph.name, "cyxwiz.task": task, "cyxwiz.lowering": LOWERING },
      }),
  };
}

function shapeOf(network: Network, id: string): Shape {
  return defined(network.layers.find((layer) => layer.node.id === id)?.outputShape, `the shape of ${id}`);
}

function checkOptions({ batchSize, sampleShape, stepsPerRun }: CompileOptions): void {
  const inRange = (option: string, value: number, max: number): void => {
    if (Number.isInteger(value) && value >= 1 && value <= max) return;
    throw new AppError(COMPILE_ERRORS.OPTION_OUT_OF_RANGE, {
      option,
      value,
      allowed: `a whole number from 1 to ${max}`,
    });
  };
  inRange("batchSize", batchSize, MAX_BATCH_SIZE);
  inRange("stepsPerRun", stepsPerRun, MAX_STEPS_PER_RUN);
  inRange(
    "stepsPerRun × batchSize × sample elements",
    stepsPerRun * batchSize * elementCount(sampleShape),
    MAX_INPUT_ELEMENTS,
  );
}

/** A variance over one value is 0, and its unbiased form a division by 0. */
function checkBatchStatistics(network: Network, batchSize: number): void {
  for (const { node, outputShape } of network.layers) {
    if (node.type !== "BatchNorm") continue;
    const values = batchSize * elementCount(outputShape.slice(1));
    if (values < 2) throw new AppError(COMPILE_ERRORS.BATCH_TOO_SMALL, { layer: node.name, values });
  }
}

/** Weights and statistics, layer by layer. */
function modelState(network: Network): readonly StateTensor[] {
  return network.layers.flatMap((layer) =>
    layer.parameters.map(({ name, shape, role, init }) => ({ name, shape, role, init })),
  );
}

function optimizerState(model: readonly StateTensor[], optimizer: Optimizer): readonly StateTensor[] {
  return model
    .filter((tensor) => tensor.role === "weight")
    .flatMap(({ name, shape }) =>
      optimizer.slots.map((slot) => ({
        name: `${name}.${slot}`,
        shape,
        role: "optimizer" as const,
        init: { kind: "zeros" } as const,
      })),
    );
}
