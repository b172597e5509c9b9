import { expect, test } from "vitest";
import { GraphBuilder, sequential } from "../model/build-graph.ts";
import type { LayerEntry } from "../model/build-graph.ts";
import type { Graph, GraphLink, GraphNode } from "../model/graph.ts";
import { digitsCnn } from "../model/patterns/digits-cnn.ts";
import { mlp } from "../model/patterns/mlp.ts";
import { checkGraph } from "./check-graph.ts";
import type { DatasetShape } from "./check-graph.ts";
import type { GraphProblem } from "./graph-problem.ts";

const TABLE: DatasetShape = { sampleShape: [4], classes: 3 };
const IMAGES: DatasetShape = { sampleShape: [1, 28, 28], classes: 10 };

function tableGraph(): Graph {
  return mlp({ outputs: 3, task: "classify", hidden: [8] });
}

function chain(layers: readonly LayerEntry[]): Graph {
  return sequential("g", [...layers, ["Output", { classes: 3 }], ["CrossEntropyLoss"], ["SGD"]]);
}

function edit(graph: Graph, id: string, change: object): Graph {
  return {
    ...graph,
    nodes: graph.nodes.map((node) => (node.id === id ? { ...node, ...change } : node)),
  };
}

function wire(from: string, fromPin: number, to: string, toPin: number): GraphLink {
  return { from: { node: from, pin: fromPin }, to: { node: to, pin: toPin } };
}

function addWire(graph: Graph, link: GraphLink): Graph {
  return { ...graph, links: [...graph.links, link] };
}

function cutWires(graph: Graph, to: string): Graph {
  return { ...graph, links: graph.links.filter((link) => link.to.node !== to) };
}

function codes(problems: readonly GraphProblem[]): string[] {
  return problems.map((problem) => problem.code);
}

/** The one problem of a graph. */
function only(graph: Graph, dataset: DatasetShape = TABLE): GraphProblem {
  const problems = checkGraph(graph, dataset);
  expect(codes(problems)).toHaveLength(1);
  return problems[0] as GraphProblem;
}

test("sound graphs have no problems", () => {
  expect(checkGraph(tableGraph(), TABLE)).toEqual([]);
  expect(checkGraph(digitsCnn(), IMAGES)).toEqual([]);
  const regression = mlp({ outputs: 2, task: "regress" });
  expect(checkGraph(regression, { sampleShape: [5], targetShape: [2] })).toEqual([]);
});

test("[SH1] a malformed or doubled id and an unknown type are named, and the rest is checked", () => {
  const graph = tableGraph();
  const doubled = {
    ...graph,
    nodes: [...graph.nodes, { id: "dense-1", type: "ReLU", name: "again", params: {} } as const],
  };
  expect(only(doubled)).toMatchObject({ code: "node-id-doubled", nodeId: "dense-1", nodeName: "again" });
  const malformed = { ...graph, nodes: [...graph.nodes, { id: "a b", type: "ReLU", name: "x", params: {} } as const] };
  expect(only(malformed).message).toContain('"a b"');
  const unknown = edit(edit(graph, "relu-1", { type: "Swish9" }), "dense-2", { params: { units: 0 } });
  expect(codes(checkGraph(unknown, TABLE))).toEqual(["layer-unknown", "param-out-of-range"]);
  expect(checkGraph(edit(graph, "relu-1", { type: "toString" }), TABLE)[0]?.fix).toContain("ReLU");
});

test("[SH2] a wrong parameter says what is allowed, and layers behind it are not blamed", () => {
  const graph = tableGraph();
  const outOfRange = only(edit(graph, "dense-1", { params: { units: 0 } }));
  expect(outOfRange).toMatchObject({
    code: "param-out-of-range",
    message: 'units of "Dense 1" (Dense) is 0, and has to be a whole number from 1 to 65536',
  });
  expect(only(edit(graph, "dense-1", { params: { units: "8" } })).code).toBe("param-wrong-type");
  expect(only(edit(graph, "dense-1", { params: { units: 2.5 } })).code).toBe("param-wrong-type");
  expect(only(edit(graph, "dense-1", { params: { bias: 1 } })).message).toContain("true or false");
  expect(only(edit(graph, "dense-1", { params: { out_features: 3 } })).fix).toBe("name it units");
  expect(only(edit(graph, "dense-1", { params: { constructor: 3 } })).code).toBe("param-unknown");
  expect(only(edit(graph, "datasetinput-1", { params: { dataset_name: "x".repeat(300) } })).code).toBe(
    "param-out-of-range",
  );
  expect(only(edit(graph, "datasetinput-1", { params: { split: "dev" } })).message).toContain("one of train");
  const padding = only(edit(digitsCnn(), "conv2d-1", { params: { padding: "reflect" } }), IMAGES);
  expect(padding.message).toContain("one of same, valid, or a whole number from 0 to 30");
  expect(only(edit(digitsCnn(), "conv2d-1", { params: { padding: 0.5 } }), IMAGES).code).toBe("param-wrong-type");
  expect(only(edit(graph, "adam-1", { params: { beta1: Number.NaN } })).code).toBe("param-wrong-type");
});

test("[SH3] an empty graph lacks all four roles, and a second loss is one too many", () => {
  const empty = checkGraph({ name: "g", nodes: [], links: [] }, TABLE);
  expect(codes(empty)).toEqual(["role-missing", "role-missing", "role-missing", "role-missing"]);
  expect(empty.map((problem) => problem.message)).toEqual([
    "the graph has no DatasetInput",
    "the graph has no Output",
    "the graph has no loss",
    "the graph has no optimizer",
  ]);
  expect(empty[2]?.fix).toContain("CrossEntropyLoss or MSELoss");
  const second = { id: "second", type: "SGD", name: "second", params: {} } as const;
  const graph = tableGraph();
  const doubled = addWire({ ...graph, nodes: [...graph.nodes, second] }, wire("crossentropyloss-1", 0, "second", 0));
  expect(only(doubled)).toMatchObject({ code: "role-doubled", nodeId: "second" });
  expect(only(doubled).message).toContain('"Adam" (Adam), "second" (SGD)');
});

test("[SH4] an input that nothing is connected to is named with what belongs there", () => {
  const graph = tableGraph();
  const cut = { ...graph, links: graph.links.filter((link) => link.from.pin !== 1) };
  expect(only(cut)).toMatchObject({
    code: "input-missing",
    message: 'Targets of "CrossEntropyLoss" (CrossEntropyLoss) is not connected',
    fix: 'connect Labels of the DatasetInput to Targets of "CrossEntropyLoss"',
  });
  expect(only(cutWires(graph, "adam-1")).fix).toContain("Loss of the loss layer");
});

test("[SH5] a wire needs two nodes, two pins, and one kind", () => {
  const graph = tableGraph();
  expect(only(addWire(graph, wire("nowhere", 0, "relu-1", 0)))).toMatchObject({
    code: "link-end-missing",
    nodeId: "relu-1",
  });
  expect(only(addWire(graph, wire("nowhere", 0, "__proto__", 0)))).toMatchObject({
    code: "link-end-missing",
    nodeId: null,
  });
  expect(only(addWire(graph, wire("relu-1", 3, "dense-2", 0))).message).toContain("which has outputs 0 to 0");
  expect(only(addWire(graph, wire("relu-1", 0, "datasetinput-1", 0))).message).toContain("which has no inputs");
  expect(only(addWire(graph, wire("relu-1", 0, "dense-2", Number.NaN))).code).toBe("pin-missing");
  const crossed = only(addWire(graph, wire("datasetinput-1", 1, "dense-1", 0)));
  expect(crossed.code).toBe("pin-kind-mismatch");
  expect(crossed.message).toBe(
    '"Dense 1" (Dense) takes tensor on Input, and "DatasetInput" (DatasetInput) gives labels on Labels',
  );
});

test("[SH6] a pin takes one wire unless the catalogue says many", () => {
  const graph = tableGraph();
  const taken = only(addWire(graph, wire("datasetinput-1", 0, "relu-1", 0)));
  expect(taken).toMatchObject({ code: "pin-taken", nodeId: "relu-1" });
  expect(taken.fix).toContain("Add");
  expect(only(addWire(graph, wire("dense-1", 0, "relu-1", 0))).code).toBe("link-doubled");
  const sum = new GraphBuilder("g").add("DatasetInput").add("Dense", { units: 3 }).add("ReLU");
  sum
    .add("Add", {}, { after: ["dense-1", "relu-1"] })
    .add("Output", { classes: 3 })
    .add("CrossEntropyLoss")
    .add("Adam");
  expect(checkGraph(sum.build(), TABLE)).toEqual([]);
});

test("[SH7] a circle is named in the direction of its wires", () => {
  const builder = new GraphBuilder("g").add("DatasetInput").add("Dense", { units: 3 });
  builder
    .add("Add", {}, { after: ["dense-1"] })
    .add("ReLU")
    .add("Tanh")
    .add("Output", { classes: 3 });
  const graph = addWire(builder.add("CrossEntropyLoss").add("Adam").build(), wire("tanh-1", 0, "add-1", 0));
  const problem = only(graph);
  expect(problem).toMatchObject({
    code: "cycle",
    fix: expect.stringContaining("delete one wire of the circle") as string,
  });
  expect(problem.message).toContain('"Add 1" (Add) → "ReLU 1" (ReLU) → "Tanh 1" (Tanh) → "Add 1" (Add)');
});

test("[SH7] each of two circles is named once, and a layer that feeds itself is one", () => {
  const node = (id: string, type: "Add" | "ReLU"): GraphNode => ({ id, type, name: id, params: {} });
  const nodes = [node("a", "Add"), node("b", "ReLU"), node("c", "Add"), node("behind", "ReLU")];
  const links = [wire("a", 0, "b", 0), wire("b", 0, "a", 0), wire("c", 0, "c", 0), wire("c", 0, "behind", 0)];
  const cycles = checkGraph({ name: "g", nodes, links }, TABLE).filter((problem) => problem.code === "cycle");
  expect(cycles.map((problem) => problem.message)).toEqual([
    expect.stringContaining('"b" (ReLU)'),
    'the wires run in a circle: "c" (Add) → "c" (Add)',
  ]);
});

test("[SH8] a dead end and weights beside the loss are named", () => {
  const graph = tableGraph();
  const spur: GraphNode = { id: "spur", type: "ReLU", name: "spur", params: {} };
  const dead = addWire({ ...graph, nodes: [...graph.nodes, spur] }, wire("dense-1", 0, "spur", 0));
  expect(only(dead)).toMatchObject({ code: "node-unused", nodeId: "spur" });
  const beside = new GraphBuilder("g").add("DatasetInput").add("Dense", { units: 3 }).add("Dense", { units: 3 });
  beside
    .add("Output", { classes: 3 })
    .add("CrossEntropyLoss", {}, { after: ["dense-1"] })
    .add("Adam");
  expect(only(beside.build())).toMatchObject({
    severity: "warning",
    code: "weights-untrained",
    message: '"Dense 2" (Dense) has weights and does not lead to the loss: they stay as they started',
  });
});

test("[SH10] a sample shape that is none is refused once, without blaming layers", () => {
  for (const sampleShape of [[], [0], [1.5], [2 ** 20, 2 ** 20], [1, 1, 1, 1, 1, 1, 1], [Number.NaN]]) {
    expect(only(tableGraph(), { sampleShape, classes: 3 }).code).toBe("sample-shape-malformed");
  }
});

test("[SH11] a layer's own refusal comes with its name and its fix", () => {
  const problem = only(chain([["Flatten"], ["Conv2D", {}, "edges"], ["Flatten"], ["Dense", { units: 3 }]]), {
    sampleShape: [1, 8, 8],
    classes: 3,
  });
  expect(problem).toMatchObject({ code: "shape-mismatch", nodeName: "edges" });
  expect(problem.message).toMatch(/^"edges" \(Conv2D\): Conv2D got \[64\]/);
  expect(problem.fix).toContain("Flatten");
});

test("[SH12] a tensor beyond 2³¹ − 1 elements is refused at its layer", () => {
  const wide = chain([
    ["Dense", { units: 65_536 }],
    ["Dense", { units: 65_536 }],
    ["Dense", { units: 3 }],
  ]);
  expect(only(wide)).toMatchObject({ code: "tensor-too-large", nodeId: "dense-2" });
});

test("[SH13] a wrong width names the layer that sets it", () => {
  const problem = only(tableGraph(), { sampleShape: [4], classes: 5 });
  expect(problem).toMatchObject({
    code: "output-width-mismatch",
    message: '"Output" (Output) gives [3], and the dataset has 5 classes',
    fix: 'set units of "Dense 2" to 5 and classes of "Output" to 5',
  });
  const flat = chain([["Dense", { units: 3 }], ["Flatten"]]);
  expect(only(flat, { sampleShape: [4], classes: 2 }).fix).toContain('units of "Dense 1" to 2');
  const noDense = chain([["Flatten"]]);
  expect(only(noDense, { sampleShape: [1, 3], classes: 2 }).fix).toContain("insert a Dense with 2 units");
  const target = only(mlp({ outputs: 2, task: "regress" }), { sampleShape: [4], targetShape: [3] });
  expect(target.message).toContain("targets of shape [3]");
});

test("[SH14] the loss fits what the labels are", () => {
  expect(only(tableGraph(), { sampleShape: [4], targetShape: [3] })).toMatchObject({
    code: "loss-mismatch",
    fix: "replace it with MSELoss",
  });
  expect(only(mlp({ outputs: 3, task: "regress" }), TABLE).fix).toBe("replace it with CrossEntropyLoss");
});

test("[SH15] a Softmax before CrossEntropyLoss is a warning", () => {
  const problem = only(chain([["Dense", { units: 3 }], ["Softmax"]]));
  expect(problem).toMatchObject({ severity: "warning", code: "softmax-before-cross-entropy", nodeId: "softmax-1" });
});

test("[SH16] wires, roles, parameters, shapes and target are all told at once", () => {
  const graph = chain([["Flatten"], ["Conv2D"], ["Flatten"], ["Dense", { units: -1 }], ["Dense", { units: 3 }]]);
  const broken = addWire(
    { ...graph, nodes: graph.nodes.filter((node) => node.type !== "SGD") },
    wire("dense-2", 7, "output-1", 0),
  );
  const problems = codes(checkGraph(broken, { sampleShape: [1, 8, 8], targetShape: [1] }));
  expect(problems).toEqual([
    "link-end-missing",
    "pin-missing",
    "role-missing",
    "param-out-of-range",
    "shape-mismatch",
    "loss-mismatch",
  ]);
});
