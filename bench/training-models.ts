/**
 * The networks of the training-step benchmark, with their data: the same bytes go to our driver and to PyTorch.
 *
 * `torch/training_step.py` holds the same networks; weights are handed over in the order of the layers.
 */
import { compile, GraphBuilder, sequential, type CompiledModel, type Graph } from "@cyxwiz/graph";
import { PhiloxStream, STREAM } from "@cyxwiz/primitives";

/** Batches that the windows go through again and again. A multiple of every `stepsPerRun`. */
export const BATCHES = 20;
const CLASSES = 10;
const SEED = 2026n;
export const LEARNING_RATE = 1e-3;

export interface BenchModel {
  readonly id: "mlp" | "cnn" | "bn-cnn";
  readonly title: string;
  readonly compiled: CompiledModel;
  /** Our rate may be at least this much of PyTorch's. */
  readonly bar: number;
}

export function benchModels(): readonly BenchModel[] {
  return [
    {
      id: "mlp",
      title: "MLP 784-256-128-10, batch 128",
      compiled: compile(mlp(), { batchSize: 128, sampleShape: [784], stepsPerRun: 20 }),
      bar: 1,
    },
    {
      id: "cnn",
      title: "CNN 32-64-128, batch 128",
      compiled: compile(cnn(), { batchSize: 128, sampleShape: [1, 28, 28], stepsPerRun: 10 }),
      bar: 0.85,
    },
    {
      id: "bn-cnn",
      title: "BN-CNN 32-64-64, residual, batch 64",
      compiled: compile(bnCnn(), { batchSize: 64, sampleShape: [3, 32, 32], stepsPerRun: 5 }),
      bar: 0.7,
    },
  ];
}

function mlp(): Graph {
  return sequential("MLP", [
    ["Dense", { units: 256 }],
    ["ReLU"],
    ["Dense", { units: 128 }],
    ["ReLU"],
    ["Dense", { units: CLASSES }],
    ["Output", { classes: CLASSES }],
    ["CrossEntropyLoss"],
    ["Adam"],
  ]);
}

function cnn(): Graph {
  return sequential("CNN", [
    ["Conv2D", { filters: 32, padding: "valid" }],
    ["ReLU"],
    ["MaxPool2D"],
    ["Conv2D", { filters: 64, padding: "valid" }],
    ["ReLU"],
    ["MaxPool2D"],
    ["Flatten"],
    ["Dense", { units: 128 }],
    ["ReLU"],
    ["Dense", { units: CLASSES }],
    ["Output", { classes: CLASSES }],
    ["CrossEntropyLoss"],
    ["Adam"],
  ]);
}

/** A stem of two convolutions, a residual block, and a mean over the image: a small ResNet. */
function bnCnn(): Graph {
  const builder = new GraphBuilder("BN-CNN").add("DatasetInput");
  const block = (filters: number): string => builder.add("Conv2D", { filters }).add("BatchNorm").add("ReLU").last;
  block(32);
  block(64);
  const shortcut = builder.add("MaxPool2D").last;
  const branch = block(64);
  return builder
    .add("Add", {}, { after: [shortcut, branch] })
    .add("MaxPool2D")
    .add("AvgPool2D", { pool_size: 8, stride: 8 })
    .add("Flatten")
    .add("Dense", { units: CLASSES })
    .add("Output", { classes: CLASSES })
    .add("CrossEntropyLoss")
    .add("Adam")
    .build();
}

export interface BenchData {
  /** [BATCHES, batch, ...sample] */
  readonly xs: Float32Array;
  /** [BATCHES, batch] */
  readonly ys: BigInt64Array;
}

/** Waves whose frequency depends on the class, under noise: something to learn that stays unlearnt for long. */
export function benchData({ batchSize, sampleShape }: CompiledModel): BenchData {
  const random = new PhiloxStream(SEED, STREAM.simulation, 1);
  const size = sampleShape.reduce((product, extent) => product * extent, 1);
  const ys = BigInt64Array.from({ length: BATCHES * batchSize }, () => BigInt(random.nextBelow(CLASSES)));
  const xs = new Float32Array(ys.length * size);
  for (const [sample, label] of ys.entries()) {
    const frequency = 0.1 * (Number(label) + 1);
    for (let i = 0; i < size; i++) xs[sample * size + i] = 0.3 * Math.sin(i * frequency) + 2 * random.nextUnit() - 1;
  }
  return { xs, ys };
}

/** The state before the first step: PyTorch's usual ranges, from our own stream. */
export function benchState(model: CompiledModel): ReadonlyMap<string, Float32Array> {
  return new Map(
    model.state.map(({ name, shape, init }, lane) => {
      const length = shape.reduce((product, extent) => product * extent, 1);
      const random = new PhiloxStream(SEED, STREAM.initialWeights, 0, lane);
      if (init.kind !== "fan-in-uniform") return [name, new Float32Array(length).fill(init.kind === "ones" ? 1 : 0)];
      const bound = 1 / Math.sqrt(init.fanIn);
      return [name, Float32Array.from({ length }, () => (2 * random.nextUnit() - 1) * bound)];
    }),
  );
}
