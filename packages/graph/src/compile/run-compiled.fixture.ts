/** Runs compiled programs in onnxruntime-node, as a training driver would: what this package's own tests feed and read. */
import { assert, defined } from "@cyxwiz/primitives";
import { InferenceSession, Tensor } from "onnxruntime-node";
import type { Graph, GraphLink, GraphNode, ParamValue } from "../model/graph.ts";
import type { LayerType } from "../model/layer-type.ts";
import type { CompiledModel } from "./compiled-model.ts";

export type LayerRow = readonly [
  type: LayerType,
  params?: Readonly<Record<string, ParamValue>>,
  sources?: readonly string[],
];

export interface GraphRows {
  /** By node id; a row without sources follows the row before it. */
  readonly layers: Readonly<Record<string, LayerRow>>;
  readonly loss?: LayerType;
  readonly optimizer?: LayerRow;
}

/** A graph from its layers in order; `data`, `loss` and `optimizer` are added. */
export function graphOf({
  layers,
  loss = "CrossEntropyLoss",
  optimizer = ["SGD", { momentum: 0.9 }],
}: GraphRows): Graph {
  const nodes: GraphNode[] = [{ id: "data", type: "DatasetInput", name: "data", params: {} }];
  const links: GraphLink[] = [];
  const connect = (node: string, to: string, pins: readonly [number, number] = [0, 0]): void => {
    links.push({ from: { node, pin: pins[0] }, to: { node: to, pin: pins[1] } });
  };
  let last = "data";
  for (const [id, [type, params = {}, sources = [last]]] of Object.entries(layers)) {
    nodes.push({ id, type, name: `the ${id}`, params });
    for (const source of sources) connect(source, id);
    last = id;
  }
  nodes.push({ id: "loss", type: loss, name: "loss", params: {} });
  nodes.push({ id: "optimizer", type: optimizer[0], name: "optimizer", params: optimizer[1] ?? {} });
  connect(last, "loss");
  connect("data", "loss", [1, 1]);
  connect("loss", "optimizer");
  return { name: "test graph", nodes, links };
}

export type Tensors = ReadonlyMap<string, Float32Array>;

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

/** Numbers between −1 and 1 that depend on the seed alone (mulberry32). */
export function randomFloats(count: number, seed: number): Float32Array {
  let state = seed >>> 0;
  return Float32Array.from({ length: count }, () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x80000000 - 1;
  });
}

/** A start that no symmetry flatters: random weights, statistics off their defaults, optimizer tensors at 0. */
export function randomState(model: CompiledModel): Tensors {
  return new Map(
    model.state.map(({ name, shape, role }, index) => {
      const random = randomFloats(sizeOf(shape), index + 1);
      if (role === "optimizer") return [name, new Float32Array(random.length)];
      return [
        name,
        name.endsWith("running_var") ? random.map((value) => 1.5 + value) : random.map((value) => value / 2),
      ];
    }),
  );
}

export interface StepInputs {
  /** [K, batch, ...sample] */
  readonly xs: Float32Array;
  /** [K, batch] class numbers or [K, batch, ...answer] targets. */
  readonly ys: ArrayLike<number>;
  readonly firstStep?: number;
  readonly learningRate?: number;
  /** By input name. */
  readonly masks?: Tensors;
}

export interface RunResult {
  readonly state: Tensors;
  readonly losses: Float32Array;
  readonly correct: Float32Array | undefined;
}

export async function openSession(onnx: Uint8Array): Promise<InferenceSession> {
  return await InferenceSession.create(onnx, { intraOpNumThreads: 1, logSeverityLevel: 3 });
}

/** One run of the training program: K steps. */
export async function trainOnce(model: CompiledModel, state: Tensors, inputs: StepInputs): Promise<RunResult> {
  const { train, batchSize, sampleShape, outputShape, task } = model;
  const steps = train.stepsPerRun;
  const session = await openSession(train.onnx);
  const feeds: Record<string, Tensor> = { xs: new Tensor(inputs.xs, [steps, batchSize, ...sampleShape]) };
  feeds["ys"] =
    task === "classify"
      ? new Tensor(BigInt64Array.from(Array.from(inputs.ys), BigInt), [steps, batchSize])
      : new Tensor(Float32Array.from(inputs.ys), [steps, batchSize, ...outputShape]);
  for (const [index, name] of train.scalarNames.entries()) {
    const values = Array.from({ length: steps }, (_, step) => {
      const at = model.scalarsAt((inputs.firstStep ?? 1) + step, inputs.learningRate ?? model.defaultLearningRate);
      return defined(at[index], name);
    });
    feeds[name] = new Tensor(Float32Array.from(values), [steps]);
  }
  for (const { name, shape } of train.dropout) {
    feeds[name] = new Tensor(defined(inputs.masks?.get(name), name), [steps, batchSize, ...shape]);
  }
  for (const { name, shape } of model.state) feeds[name] = new Tensor(defined(state.get(name), name), [...shape]);
  const outputs = await session.run(feeds);
  const floats = (name: string): Float32Array => {
    const data = outputs[name]?.data;
    assert(data instanceof Float32Array, `${name} is a float32 output`);
    return data;
  };
  return {
    state: new Map(model.state.map(({ name }) => [name, floats(`${name}'`)])),
    losses: floats("losses"),
    correct: task === "classify" ? floats("correct") : undefined,
  };
}

/** The answers to a batch of any size. */
export async function predict(model: CompiledModel, state: Tensors, x: Float32Array): Promise<Float32Array> {
  const session = await openSession(model.predict.onnx);
  const feeds: Record<string, Tensor> = {
    x: new Tensor(x, [x.length / sizeOf(model.sampleShape), ...model.sampleShape]),
  };
  for (const { name, shape, role } of model.state) {
    if (role !== "optimizer") feeds[name] = new Tensor(defined(state.get(name), name), [...shape]);
  }
  const outputs = await session.run(feeds);
  const data = outputs["y"]?.data;
  assert(data instanceof Float32Array, "y is a float32 output");
  return data;
}
