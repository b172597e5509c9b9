import { sequential } from "../build-graph.ts";
import type { LayerEntry } from "../build-graph.ts";
import type { Graph } from "../graph.ts";

export interface MlpOptions {
  readonly name?: string;
  /** Units of each hidden layer, first to last; [32, 32] when absent. */
  readonly hidden?: readonly number[];
  /** Columns to predict: that many classes, or that many numbers. */
  readonly outputs: number;
  readonly task: "classify" | "regress";
}

/**
 * A multilayer perceptron for tables: rows of features in, class scores or numbers out.
 *
 * It takes any number of features, because a Dense layer adapts to its input.
 */
export function mlp(options: MlpOptions): Graph {
  const { outputs, task } = options;
  const hidden = (options.hidden ?? [32, 32]).flatMap((units): LayerEntry[] => [["Dense", { units }], ["ReLU"]]);
  return sequential(options.name ?? "MLP", [
    ...hidden,
    ["Dense", { units: outputs }],
    ["Output", { classes: outputs }],
    [task === "classify" ? "CrossEntropyLoss" : "MSELoss"],
    ["Adam"],
  ]);
}
