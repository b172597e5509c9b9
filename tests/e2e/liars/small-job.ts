/** A network and data on which a step takes no time. */
import type { Dataset, Samples } from "@cyxwiz/backend";
import { sequential, writeCyxwiz } from "@cyxwiz/graph";
import { PhiloxStream, STREAM } from "@cyxwiz/primitives";

const FEATURES = 4;
const CLASS_NAMES = ["a", "b", "c"];
const TRAIN = 64;
const TEST = 16;

export const SMALL_GRAPH: string = writeCyxwiz(
  sequential("liars", [
    ["Dense", { units: 8 }],
    ["ReLU"],
    ["Dense", { units: CLASS_NAMES.length }],
    ["Output", { classes: CLASS_NAMES.length }],
    ["CrossEntropyLoss"],
    ["Adam", { learning_rate: 0.01 }],
  ]),
);

/** Features in [−0.5, 0.5); the class is where the largest of the first three is. */
export function smallDataset(): Dataset {
  const samples = (count: number, index: number): Samples => {
    const random = new PhiloxStream(7n, STREAM.simulation, index);
    const x = Float32Array.from({ length: count * FEATURES }, () => random.nextUnit() - 0.5);
    const y = BigInt64Array.from({ length: count }, (_, sample) => {
      const three = [...x.subarray(sample * FEATURES, sample * FEATURES + CLASS_NAMES.length)];
      return BigInt(three.indexOf(Math.max(...three)));
    });
    return { count, x, y };
  };
  return {
    description: {
      trainSamples: TRAIN,
      testSamples: TEST,
      sampleShape: [FEATURES],
      classes: CLASS_NAMES.length,
      classNames: CLASS_NAMES,
      targetShape: [],
      scaling: { scale: 1, offset: 0 },
    },
    train: samples(TRAIN, 0),
    test: samples(TEST, 1),
  };
}
