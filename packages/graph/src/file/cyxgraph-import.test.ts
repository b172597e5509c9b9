import { AppError, assert, isError } from "@cyxwiz/primitives";
import { expect, test } from "vitest";
import { GRAPH_ERRORS } from "../errors.ts";
import { CATALOGUE } from "../layers/catalogue.ts";
import type { Graph, GraphNode } from "../model/graph.ts";
import { checkGraph } from "../shape/check-graph.ts";
import type { AssumptionCode } from "./assumption.ts";
import { importCyxgraph } from "./cyxgraph-import.ts";
import type { ImportedGraph } from "./cyxgraph-import.ts";
import { parseCyxwiz, writeCyxwiz } from "./cyxwiz-file.ts";
import { ENGINE_LAYERS } from "./engine-layers.ts";

interface EngineNodeJson {
  readonly id: number;
  readonly type: number;
  readonly name?: unknown;
  readonly parameters?: unknown;
  readonly pos_x?: number;
  readonly pos_y?: number;
}

/** A node of an Engine file, named after its type and id. */
function node(id: number, type: string, parameters: object = {}, more: object = {}): EngineNodeJson {
  return {
    id,
    type: ENGINE_LAYERS.indexOf(type),
    name: `${type} ${id}`,
    parameters,
    pos_x: id * 100,
    pos_y: 0,
    ...more,
  };
}

/** A link with pin positions. */
function link(from: number, fromPin: number, to: number, toPin: number): object {
  const pins = { from_pin: from * 100 + fromPin, to_pin: to * 100 + toPin };
  return { id: from * 1000 + to, from_node: from, to_node: to, ...pins, from_pin_index: fromPin, to_pin_index: toPin };
}

/** A link as older files have it: run-time pin numbers only. */
function oldLink(from: number, fromPinId: number, to: number, toPinId: number): object {
  return { id: 1, from_node: from, from_pin: fromPinId, to_node: to, to_pin: toPinId };
}

function open(nodes: readonly object[], links: readonly object[], more: object = {}): ImportedGraph {
  return importCyxgraph(
    JSON.stringify({ version: "1.0", framework: 0, name: "From the Engine", nodes, links, ...more }),
  );
}

/** Data (1), the layers, Output (90), cross entropy (91) and Adam (92), all wired in a row. */
function openChain(
  layers: readonly EngineNodeJson[],
  more: { links?: readonly object[]; data?: object } = {},
): ImportedGraph {
  const data = node(1, "DatasetInput", { dataset_name: "mnist", ...more.data });
  const row = [data, ...layers, node(90, "Output"), node(91, "CrossEntropyLoss"), node(92, "Adam")];
  const wires = row.slice(1).map((to, index) => link(row[index]?.id ?? 0, 0, to.id, 0));
  return open(row, [...wires, link(1, 1, 91, 1), ...(more.links ?? [])]);
}

function said({ assumptions }: ImportedGraph): AssumptionCode[] {
  return assumptions.map((assumption) => assumption.code);
}

function found(graph: Graph, type: string): GraphNode {
  const layer = graph.nodes.find((candidate) => candidate.type === type);
  assert(layer, `expected a ${type}`);
  return layer;
}

function wires(graph: Graph): string[] {
  return graph.links.map(({ from, to }) => `${from.node}.${from.pin} ${to.node}.${to.pin}`);
}

function refusal(run: () => unknown): AppError {
  try {
    run();
  } catch (error) {
    assert(error instanceof AppError, "expected an AppError");
    return error;
  }
  throw new Error("expected a refusal");
}

test("a plain file opens without assumptions and can be trained", () => {
  const opened = openChain([node(2, "Flatten"), node(3, "Dense", { units: "10" })]);
  expect(opened.assumptions).toEqual([]);
  expect(checkGraph(opened.graph, { sampleShape: [1, 28, 28], classes: 10 })).toEqual([]);
  expect(found(opened.graph, "Dense")).toEqual({
    id: "dense-3",
    type: "Dense",
    name: "Dense 3",
    params: { units: 10 },
    position: [300, 0],
  });
  expect(found(opened.graph, "DatasetInput").params).toEqual({ dataset_name: "mnist" });
});

test("[IM1] a missing version is said, a later one is refused", () => {
  expect(said(open([], [], { version: undefined }))).toEqual(["version-missing"]);
  expect(open([], [], { version: 1 }).assumptions).toEqual([]);
  expect(refusal(() => open([], [], { version: "2.0" })).code).toBe("graph/file-version-unsupported");
});

test("[IM2] keys are matched by alias, spelling and near misses, and each is said", () => {
  const opened = openChain([
    node(2, "Dense", { out_features: "7" }),
    node(3, "BatchNorm", { EPS: "0.001", num_features: "64", momentum: "0.2" }),
    node(4, "Dropout", { p: "0.25" }),
    node(5, "Conv2D", { Kernel_Size: "5", fliters: "8", stirde: "2", activation: "none" }),
    node(6, "Dense", { units: "3", Units: "4", colour: "red" }),
  ]);
  expect(found(opened.graph, "Dense").params).toEqual({ units: 7 });
  expect(found(opened.graph, "BatchNorm").params).toEqual({ epsilon: 0.001, momentum: 0.2 });
  expect(found(opened.graph, "Dropout").params).toEqual({ rate: 0.25 });
  expect(found(opened.graph, "Conv2D").params).toEqual({ kernel_size: 5, filters: 8, stride: 2 });
  const messages = opened.assumptions.map((assumption) => `${assumption.nodeName}: ${assumption.message}`);
  expect(messages).toEqual([
    "Dense 2: out_features read as units",
    "BatchNorm 3: EPS read as epsilon",
    "Dropout 4: p read as rate",
    "Conv2D 5: Kernel_Size read as kernel_size",
    "Conv2D 5: fliters read as filters",
    "Conv2D 5: stirde read as stride",
    'Dense 6: Units "4" says units a second time: left out',
    'Dense 6: colour "red" has no meaning here: left out',
  ]);
});

test("[IM3] texts become values of the parameter's kind, and what cannot be read leaves the default", () => {
  const opened = openChain([
    node(2, "Conv2D", { kernel_size: "(5, 5)", stride: "2x2", padding: "VALID", bias: "False", activation: "none" }),
    node(3, "MaxPool2D", { pool_size: "2,3", stride: " 3.0 " }),
    node(4, "Dense", { units: "many", bias: "perhaps" }),
    node(5, "Dropout", { rate: "1.5" }),
    node(6, "Conv2D", { padding: "2", filters: 4, activation: "" }),
  ]);
  expect(found(opened.graph, "Conv2D").params).toEqual({ kernel_size: 5, stride: 2, padding: "valid", bias: false });
  expect(found(opened.graph, "MaxPool2D").params).toEqual({ stride: 3 });
  expect(found(opened.graph, "Dense").params).toEqual({});
  expect(found(opened.graph, "Dropout").params).toEqual({ rate: 1.5 });
  expect(opened.graph.nodes.find((each) => each.id === "conv2d-6")?.params).toEqual({ padding: 2, filters: 4 });
  expect(said(opened)).toEqual(["parameter-not-read", "parameter-not-read", "parameter-not-read"]);
  expect(opened.assumptions[1]?.message).toBe('units "many" is not a whole number from 1 to 65536: 128 used');
  const problems = checkGraph(opened.graph, { sampleShape: [1, 28, 28], classes: 10 });
  expect(problems.map((problem) => problem.code)).toContain("param-out-of-range");
});

test("[IM3] a choice is read by its usual other words", () => {
  const opened = openChain([], { data: { split: "val" } });
  expect(found(opened.graph, "DatasetInput").params).toMatchObject({ split: "validation" });
  expect(said(openChain([], { data: { dataset_name: " " } }))).toEqual(["dataset-unnamed"]);
});

test("[IM4] pin positions count over pin ids, and ids only order wires", () => {
  const nodes = [
    node(1, "DatasetInput", { dataset_name: "x" }),
    node(2, "Dense"),
    node(3, "Dense"),
    node(4, "Concatenate"),
  ];
  const byPosition = open(nodes, [link(2, 0, 4, 1), link(3, 0, 4, 0)]);
  expect(wires(byPosition.graph)).toEqual(["dense-3.0 concatenate-4.0", "dense-2.0 concatenate-4.0"]);
  const byId = open(nodes, [oldLink(2, 7, 4, 31), oldLink(3, 9, 4, 30)]);
  expect(wires(byId.graph)).toEqual(["dense-3.0 concatenate-4.0", "dense-2.0 concatenate-4.0"]);
  expect(byId.assumptions).toEqual([]);
});

test("[IM4] without positions the kinds of the pins decide, and it is said", () => {
  const nodes = [node(1, "DatasetInput", { dataset_name: "x" }), node(2, "Output"), node(3, "CrossEntropyLoss")];
  const opened = open(nodes, [oldLink(1, 11, 2, 21), oldLink(1, 12, 3, 32), oldLink(2, 22, 3, 31)]);
  expect(wires(opened.graph).toSorted()).toEqual([
    "datasetinput-1.0 output-2.0",
    "datasetinput-1.1 crossentropyloss-3.1",
    "output-2.0 crossentropyloss-3.0",
  ]);
  expect(said(opened)).toEqual(["pins-guessed", "pins-guessed"]);
});

test("[IM5] several wires into one input are added up", () => {
  const opened = openChain([node(2, "Dense", { units: "10" }), node(3, "ReLU"), node(4, "Tanh")], {
    links: [link(2, 0, 4, 0)],
  });
  expect(wires(opened.graph)).toEqual(
    expect.arrayContaining(["relu-3.0 tanh-4-sum.0", "dense-2.0 tanh-4-sum.0", "tanh-4-sum.0 tanh-4.0"]),
  );
  expect(opened.assumptions).toMatchObject([{ code: "add-inserted", nodeName: "Tanh 4", nodeId: "tanh-4" }]);
  expect(checkGraph(opened.graph, { sampleShape: [4], classes: 10 })).toEqual([]);
});

test("[IM6] an activation becomes a layer, and the Engine's default is relu", () => {
  const stated = openChain([
    node(2, "Conv2D", { activation: "tanh" }),
    node(3, "Flatten"),
    node(4, "Dense", { units: 10, activation: "Linear" }),
  ]);
  expect(found(stated.graph, "Conv2D").params).toEqual({});
  expect(wires(stated.graph)).toEqual(
    expect.arrayContaining(["conv2d-2.0 conv2d-2-activation.0", "conv2d-2-activation.0 flatten-3.0"]),
  );
  expect(found(stated.graph, "Tanh").position).toEqual([200, 90]);
  expect(checkGraph(stated.graph, { sampleShape: [1, 8, 8], classes: 10 })).toEqual([]);
  const silent = openChain([node(2, "Conv2D"), node(3, "Flatten")]);
  expect(found(silent.graph, "ReLU").name).toBe("Conv2D 2 activation");
  expect(silent.assumptions[0]?.message).toContain("the Engine's default");
});

test("[IM6] an activation that the drawing shows already is not doubled", () => {
  for (const parameters of [{ activation: "relu" }, {}]) {
    const opened = openChain([node(2, "Conv2D", parameters), node(3, "ReLU"), node(4, "Flatten")]);
    expect(opened.graph.nodes.filter((each) => each.type === "ReLU")).toHaveLength(1);
  }
  const normed = openChain([node(2, "Conv2D"), node(3, "BatchNorm"), node(4, "Tanh"), node(5, "Flatten")]);
  expect(normed.graph.nodes.some((each) => each.type === "ReLU")).toBe(false);
});

test("[IM7] a Reshape on the data is a layout, to two extents a Flatten, elsewhere refused", () => {
  const last = openChain([node(2, "Reshape", { shape: "-1,28,28,1" }), node(3, "Flatten")]);
  expect(last.settings.sampleShape).toEqual([1, 28, 28]);
  expect(last.assumptions).toMatchObject([{ code: "layout-changed", nodeName: "Reshape 2" }]);
  expect(openChain([node(2, "View", { shape: "(-1, 3, 32, 32)" })]).settings.sampleShape).toEqual([3, 32, 32]);
  expect(found(openChain([node(2, "Reshape", { shape: "-1,784" })]).graph, "Flatten").id).toBe("flatten-2");
  for (const shape of ["-1,1,28,28", "", "-1,a"]) {
    const run = (): unknown => openChain([node(2, "Dense"), node(3, "TensorReshape", { shape })]);
    expect(refusal(run).message).toContain('"TensorReshape 3" (TensorReshape)');
  }
});

test("[IM8] loaders, splits and label encoders are looked through, and their settings kept", () => {
  const nodes = [
    node(1, "DatasetInput", { dataset_name: "x" }),
    node(2, "DataSplit"),
    node(3, "DataLoader", { batch_size: "64", epochs: "5" }),
    node(4, "Normalize", { mean: "0.5" }),
    node(5, "OneHotEncode"),
    node(6, "Output"),
    node(7, "CrossEntropyLoss"),
  ];
  const links = [
    link(1, 0, 2, 0),
    link(1, 1, 2, 1),
    link(2, 0, 3, 0),
    link(3, 0, 4, 0),
    link(4, 0, 6, 0),
    link(3, 1, 5, 0),
  ];
  const opened = open(nodes, [...links, link(5, 0, 7, 1), link(6, 0, 7, 0)]);
  expect(opened.graph.nodes.map((each) => each.type)).toEqual(["DatasetInput", "Output", "CrossEntropyLoss"]);
  expect(wires(opened.graph).toSorted()).toEqual([
    "datasetinput-1.0 output-6.0",
    "datasetinput-1.1 crossentropyloss-7.1",
    "output-6.0 crossentropyloss-7.0",
  ]);
  expect(opened.settings).toEqual({ batchSize: 64, epochs: 5 });
  expect(said(opened)).toEqual(Array.from({ length: 4 }, () => "data-node-left-out"));
});

test("[IM8] a loader stands for a DatasetInput that is missing, and feeds from one that is not connected", () => {
  const rest = [node(6, "Output"), node(7, "CrossEntropyLoss")];
  const links = [link(2, 0, 6, 0), link(2, 1, 7, 1), link(6, 0, 7, 0)];
  const missing = open([node(2, "DataLoader"), ...rest], links);
  expect(found(missing.graph, "DatasetInput").id).toBe("datasetinput-2");
  expect(wires(missing.graph)).toContain("datasetinput-2.1 crossentropyloss-7.1");
  const loose = open([node(1, "DatasetInput", { dataset_name: "x" }), node(2, "DataLoader"), ...rest], links);
  expect(wires(loose.graph)).toContain("datasetinput-1.1 crossentropyloss-7.1");
  expect(said(loose)).toContain("wire-added");
  const floating = open(
    [node(1, "DatasetInput"), node(3, "DatasetInput"), node(2, "Augmentation"), ...rest],
    [link(2, 0, 6, 0)],
  );
  expect(said(floating)).toContain("wire-dropped");
});

test("[IM9] every layer that is not supported is named at once", () => {
  const nodes = [
    node(1, "LSTM"),
    node(2, "GlobalAvgPool"),
    { id: 3, type: 99, name: "new" },
    node(4, "Lambda", { function: "import os" }),
  ];
  const odd = [
    node(5, "Conv2D", { activation: "swish" }),
    node(6, "Conv2D", { groups: "2", dilation: "1" }),
    node(7, "ReLU"),
  ];
  const error = refusal(() => open([...nodes, ...odd], []));
  assert(isError(error, GRAPH_ERRORS.LAYER_UNSUPPORTED), "expected graph/layer-unsupported");
  expect(error.context.layers).toEqual([
    '"LSTM 1" (LSTM)',
    '"GlobalAvgPool 2" (GlobalAvgPool)',
    '"new" (type 99)',
    '"Lambda 4" (Lambda)',
    '"Conv2D 5" (Conv2D with activation "swish")',
    '"Conv2D 6" (Conv2D with groups 2)',
  ]);
  expect(error.message).toContain("6 layers of this graph are not supported");
  expect(error.context.readable).toContain("Dense");
  expect(refusal(() => open([node(1, "LSTM")], [])).message).toContain("a layer of this graph is not supported");
});

test("[IM10] the ends that can only be meant are added", () => {
  const nodes = [
    node(1, "DatasetInput", { dataset_name: "x" }),
    node(2, "Dense", { units: "3" }),
    node(3, "CrossEntropyLoss"),
    node(4, "SGD"),
  ];
  const opened = open(nodes, [link(1, 0, 2, 0), link(2, 0, 3, 0)]);
  expect(said(opened)).toEqual(["output-inserted", "wire-added", "wire-added"]);
  expect(checkGraph(opened.graph, { sampleShape: [4], classes: 3 })).toEqual([]);
});

test("[IM11] wires that mean nothing here are left out and said", () => {
  const extra = [
    link(92, 0, 2, 0),
    link(2, 0, 91, 7),
    link(1, 4, 2, 0),
    link(2, 0, 77, 0),
    link(78, 0, 2, 0),
    link(2, 0, 1, 0),
    link(1, 1, 91, 1),
  ];
  const opened = openChain([node(2, "Dense", { units: 10 })], { links: extra });
  expect(said(opened)).toEqual(Array.from({ length: 7 }, () => "wire-dropped"));
  expect(checkGraph(opened.graph, { sampleShape: [4], classes: 10 })).toEqual([]);
  const circle = open(
    [node(2, "Identity"), node(3, "Identity"), node(4, "ReLU")],
    [link(2, 0, 3, 0), link(3, 0, 2, 0), link(3, 0, 4, 0)],
  );
  expect(circle.graph.links).toEqual([]);
  expect(said(circle)).toContain("wire-dropped");
  const split = [
    node(1, "DatasetInput", { dataset_name: "x" }),
    node(2, "DataSplit"),
    node(3, "Dense"),
    node(4, "Dense"),
  ];
  const validation = open(split, [link(1, 0, 2, 0), link(2, 0, 3, 0), link(2, 2, 4, 0)]);
  expect(wires(validation.graph)).toEqual(["datasetinput-1.0 dense-3.0"]);
  expect(said(validation)).toContain("wire-dropped");
});

test("[IM12] names that cannot be shown are cleaned, and missing ones filled in", () => {
  const opened = open(
    [node(1, "ReLU", {}, { name: "\u001b[31mred\nline" }), { id: 2, type: 29 }, node(3, "ReLU", {}, { pos_x: 1e9 })],
    [],
    { name: "\u0000" },
  );
  expect(opened.graph.name).toBe("Imported graph");
  expect(opened.graph.nodes.map((each) => each.name)).toEqual(["[31mred line", "ReLU 2", "ReLU 3"]);
  expect(opened.graph.nodes[2]).not.toHaveProperty("position");
  expect(said(opened)).toEqual(["name-changed", "name-changed"]);
  expect(parseCyxwiz(writeCyxwiz(opened.graph))).toEqual(opened.graph);
});

test("[IM12] what is no Engine file is refused with its path", () => {
  expect(refusal(() => importCyxgraph("{}")).message).toContain("$.nodes");
  expect(refusal(() => open([node(1, "ReLU"), node(1, "ReLU")], [])).message).toContain("$.nodes[1].id");
  expect(refusal(() => open([{ ...node(1, "ReLU"), type: "ReLu" }], [])).message).toContain("$.nodes[0].type");
  expect(refusal(() => open([node(1, "ReLU", { a: 1 }, { parameters: 5 })], [])).message).toContain(
    "$.nodes[0].parameters",
  );
  expect(refusal(() => open([], [{ from_node: "a" }])).message).toContain("$.links[0].from_node");
  const many = Object.fromEntries(Array.from({ length: 33 }, (_, index) => [`k${index}`, "1"]));
  expect(refusal(() => open([node(1, "ReLU", many)], [])).code).toBe("graph/file-limit-exceeded");
});

test("[IM13] the format's type numbers are the catalogue's", () => {
  expect(ENGINE_LAYERS).toHaveLength(85);
  for (const definition of Object.values(CATALOGUE)) {
    expect(ENGINE_LAYERS[definition.engineNumber]).toBe(definition.type);
  }
});
