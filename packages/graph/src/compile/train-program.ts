/**
 * K training steps as one ONNX graph: a `Loop` whose body is forward pass, backward pass and optimizer.
 *
 * The state stays inside the runtime between the steps of a run; the driver is asked once per K. The body reads its
 * batch, scalars and masks from the graph around it by its iteration number.
 */
import { assert, defined } from "@cyxwiz/primitives";
import { gradients } from "../onnx/autodiff.ts";
import { Emitter } from "../onnx/emitter.ts";
import type { Value } from "../onnx/emitter.ts";
import { correctCount, crossEntropy, meanSquaredError } from "../onnx/loss.ts";
import { encodeModel } from "../onnx/model-proto.ts";
import type { GraphProto, ValueInfo } from "../onnx/model-proto.ts";
import type { Shape } from "../layer/layer-definition.ts";
import type { DropoutInput, StateTensor, TrainProgram } from "./compiled-model.ts";
import { lowerNetwork } from "./lower-network.ts";
import type { Network } from "./network.ts";
import type { Optimizer } from "./optimizer.ts";
import { PRODUCER } from "./producer.ts";

export interface TrainSource {
  readonly network: Network;
  readonly optimizer: Optimizer;
  readonly state: readonly StateTensor[];
  readonly task: "classify" | "regress";
  readonly batchSize: number;
  readonly sampleShape: Shape;
  readonly outputShape: Shape;
  readonly stepsPerRun: number;
}

/** Emits the whole program. Pure: the same source gives the same bytes. */
export function buildTrainProgram(source: TrainSource): TrainProgram {
  const { optimizer, state, stepsPerRun, task } = source;
  const step = buildStep(source);
  const outer = new Emitter();
  const carried = state.map((tensor) => valueOf(tensor.name, tensor.shape));
  const scans = task === "classify" ? ["losses", "correct"] : ["losses"];
  const outputs = outer.node({
    op: "Loop",
    inputs: [outer.integer(stepsPerRun), undefined, ...carried],
    attributes: { body: { graph: step.body } },
    outputs: [...carried.map(({ shape }) => ({ shape })), ...scans.map(() => ({ shape: [stepsPerRun] }))],
  });
  const names = [...state.map((tensor) => `${tensor.name}'`), ...scans];
  const graph = outer.finish({
    name: "train",
    inputs: [...step.runInputs, ...carried],
    outputs: outputs.map((value, index) => {
      const name = defined(names[index], "an output's name");
      return { value, info: { name, shape: value.shape, type: value.type } };
    }),
  });
  return {
    onnx: encodeModel({ producer: PRODUCER, graph, metadata: {} }),
    stepsPerRun,
    scalarNames: optimizer.scalarNames,
    dropout: step.dropout,
  };
}

interface Step {
  readonly body: GraphProto;
  /** Inputs of the graph around the loop that hold one entry per step. */
  readonly runInputs: readonly ValueInfo[];
  readonly dropout: readonly DropoutInput[];
}

function valueOf(name: string, shape: readonly number[], type: Value["type"] = "float32"): Value {
  return { name, shape, type };
}

/** The loop's body: (iteration, condition, state…) → (condition, state…, loss, correct). */
function buildStep(source: TrainSource): Step {
  const { network, state, batchSize, stepsPerRun, task, optimizer } = source;
  const emit = new Emitter("step_");
  const iteration = valueOf("step_iteration", [], "int64");
  const condition = valueOf("step_condition", [], "bool");
  const runInputs: ValueInfo[] = [];
  const dropout: DropoutInput[] = [];
  /** This step's entry of an input that has one per step. */
  const perStep = (name: string, shape: readonly number[], type: Value["type"] = "float32"): Value => {
    const whole = valueOf(name, [stepsPerRun, ...shape], type);
    runInputs.push(whole);
    return emit.op("Gather", [whole, iteration], shape, { axis: { int: 0 } }, type);
  };

  const x = perStep("xs", [batchSize, ...source.sampleShape]);
  const labels =
    task === "classify" ? perStep("ys", [batchSize], "int64") : perStep("ys", [batchSize, ...source.outputShape]);
  const scalars = optimizer.scalarNames.map((name) => perStep(name, []));
  const before = new Map(state.map((tensor) => [tensor.name, valueOf(`step_in.${tensor.name}`, tensor.shape)]));
  const after = new Map<string, Value>(before);
  const predictions = lowerNetwork(network, network.predictionId, {
    emit,
    mode: "train",
    input: x,
    parameter: (name) => defined(before.get(name), `the state tensor ${name}`),
    updateStatistic: (name, value) => after.set(name, value),
    dropoutMask(layer, shape, rate) {
      const name = `${layer.node.id}.mask`;
      dropout.push({ name, lane: layer.lane, shape, rate });
      return perStep(name, [batchSize, ...shape]);
    },
  });
  const { loss, gradient } = (task === "classify" ? crossEntropy : meanSquaredError)(emit, predictions, labels);
  updateWeights(emit, { source, before, after, scalars, predictions, gradient });

  const scans = task === "classify" ? [loss, correctCount(emit, predictions, labels)] : [loss];
  const output = (name: string, value: Value) => ({ value, info: { name, shape: value.shape, type: value.type } });
  const body = emit.finish({
    name: "step",
    inputs: [iteration, condition, ...before.values()],
    outputs: [
      output("step_condition_out", condition),
      ...state.map(({ name }) => output(`step_out.${name}`, defined(after.get(name), name))),
      ...scans.map((value, index) => output(`step_scan_${index}`, value)),
    ],
  });
  return { body, runInputs, dropout };
}

interface UpdateSource {
  readonly source: TrainSource;
  readonly before: ReadonlyMap<string, Value>;
  readonly after: Map<string, Value>;
  readonly scalars: readonly Value[];
  readonly predictions: Value;
  readonly gradient: Value;
}

function updateWeights(emit: Emitter, update: UpdateSource): void {
  const { before, after, scalars } = update;
  const { optimizer, state } = update.source;
  const names = state.filter((tensor) => tensor.role === "weight").map((tensor) => tensor.name);
  const weights = names.map((name) => defined(before.get(name), name));
  const found = gradients(emit, update.predictions, update.gradient, weights);
  for (const [index, name] of names.entries()) {
    const weight = defined(weights[index], name);
    const gradient = defined(found[index], `the gradient of ${name}, which leads to the loss`);
    assert(
      gradient.shape.join() === weight.shape.join(),
      `the gradient of ${name} is [${gradient.shape.join(", ")}], the weight [${weight.shape.join(", ")}]`,
    );
    const slotNames = optimizer.slots.map((slot) => `${name}.${slot}`);
    const slots = slotNames.map((slot) => defined(before.get(slot), slot));
    const next = optimizer.update(emit, { weight, gradient, slots, scalars });
    after.set(name, next.weight);
    for (const [slot, slotName] of slotNames.entries()) after.set(slotName, defined(next.slots[slot], slotName));
  }
}
