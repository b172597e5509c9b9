import type { ErrorSpec } from "@cyxwiz/primitives";

export const COMPILE_ERRORS: {
  readonly GRAPH_INVALID: ErrorSpec<{ name: string; problems: readonly string[] }>;
  readonly OPTION_OUT_OF_RANGE: ErrorSpec<{ option: string; value: number; allowed: string }>;
  readonly BATCH_TOO_SMALL: ErrorSpec<{ layer: string; values: number }>;
  readonly WEIGHT_NOT_FOUND: ErrorSpec<{ weight: string; given: readonly string[] }>;
  readonly WEIGHT_SIZE_MISMATCH: ErrorSpec<{ weight: string; expected: number; given: number }>;
} = {
  GRAPH_INVALID: {
    code: "graph/not-compilable",
    rpc: "invalid-argument",
    retry: "never",
    message: (c) => `the graph "${c.name}" cannot be compiled: ${c.problems.join("; ")}`,
  },
  OPTION_OUT_OF_RANGE: {
    code: "graph/compile-option-out-of-range",
    rpc: "out-of-range",
    retry: "never",
    message: (c) => `${c.option} is ${c.value}, allowed is ${c.allowed}`,
  },
  BATCH_TOO_SMALL: {
    code: "graph/batch-size-too-small",
    rpc: "failed-precondition",
    retry: "never",
    message: (c) =>
      `the layer "${c.layer}" takes statistics of ${c.values} value per channel, and needs at least 2: ` +
      "set the batch size to 2 or more",
  },
  WEIGHT_NOT_FOUND: {
    code: "graph/weight-not-found",
    rpc: "invalid-argument",
    retry: "never",
    message: (c) =>
      `the export needs the tensor ${c.weight}, and was given ${c.given.length === 0 ? "none" : c.given.join(", ")}: ` +
      "pass every weight and statistic of the model's state",
  },
  WEIGHT_SIZE_MISMATCH: {
    code: "graph/weight-size-mismatch",
    rpc: "invalid-argument",
    retry: "never",
    message: (c) =>
      `the tensor ${c.weight} has ${c.given} elements, and the model has ${c.expected}: ` +
      "pass the weights of this graph, trained with the same sample shape",
  },
};
