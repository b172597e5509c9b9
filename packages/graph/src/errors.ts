import type { ErrorSpec } from "@cyxwiz/primitives";

export const GRAPH_ERRORS: {
  readonly FILE_MALFORMED: ErrorSpec<{ path: string; value: string; allowed: string }>;
  readonly FILE_LIMIT_EXCEEDED: ErrorSpec<{ path: string; what: string; value: number; limit: number }>;
  readonly FILE_VERSION_UNSUPPORTED: ErrorSpec<{ version: string; readable: readonly number[] }>;
  readonly FILE_FORMAT_UNKNOWN: ErrorSpec<{ found: string; readable: readonly string[] }>;
  readonly LAYER_UNSUPPORTED: ErrorSpec<{ layers: readonly string[]; readable: readonly string[] }>;
} = {
  FILE_MALFORMED: {
    code: "graph/file-malformed",
    rpc: "invalid-argument",
    retry: "never",
    message: (c) => `the graph file is wrong at ${c.path}: found ${c.value}, expected ${c.allowed}`,
  },
  FILE_LIMIT_EXCEEDED: {
    code: "graph/file-limit-exceeded",
    rpc: "invalid-argument",
    retry: "never",
    message: (c) => `the graph file is too large at ${c.path}: ${c.value} ${c.what}, allowed are ${c.limit}`,
  },
  FILE_VERSION_UNSUPPORTED: {
    code: "graph/file-version-unsupported",
    rpc: "invalid-argument",
    retry: "never",
    message: (c) =>
      `the graph file has version ${c.version}; this build reads version ${c.readable.join(", ")}: ` +
      `open it with a newer build, or save it there as an older version`,
  },
  FILE_FORMAT_UNKNOWN: {
    code: "graph/file-format-unknown",
    rpc: "invalid-argument",
    retry: "never",
    message: (c) => `this is ${c.found}; readable are ${c.readable.join(" and ")}`,
  },
  LAYER_UNSUPPORTED: {
    code: "graph/layer-unsupported",
    rpc: "invalid-argument",
    retry: "never",
    message: (c) =>
      `${c.layers.length === 1 ? "a layer of this graph is" : `${c.layers.length} layers of this graph are`} not supported: ` +
      `${c.layers.join("; ")}. Replace ${c.layers.length === 1 ? "it" : "them"} with readable types: ${c.readable.join(", ")}`,
  },
};
