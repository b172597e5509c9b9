import { expect, test } from "vitest";
import { checkGraph } from "../shape/check-graph.ts";
import { GraphBuilder, sequential } from "./build-graph.ts";
import { digitsCnn } from "./patterns/digits-cnn.ts";
import { mlp } from "./patterns/mlp.ts";

test("a chain gets a DatasetInput, stable ids, names, places, and wires by the kinds of its pins", () => {
  const graph = sequential("g", [
    ["Dense", { units: 3 }, "scores"],
    ["Output", { classes: 3 }],
    ["CrossEntropyLoss"],
    ["Adam"],
  ]);
  expect(graph.nodes.map((node) => [node.id, node.name, node.position?.[0]])).toEqual([
    ["datasetinput-1", "DatasetInput", 0],
    ["dense-1", "scores", 220],
    ["output-1", "Output", 440],
    ["crossentropyloss-1", "CrossEntropyLoss", 660],
    ["adam-1", "Adam", 880],
  ]);
  expect(graph.links.map(({ from, to }) => `${from.node}.${from.pin} ${to.node}.${to.pin}`)).toEqual([
    "datasetinput-1.0 dense-1.0",
    "dense-1.0 output-1.0",
    "output-1.0 crossentropyloss-1.0",
    "datasetinput-1.1 crossentropyloss-1.1",
    "crossentropyloss-1.0 adam-1.0",
  ]);
});

test("branches name the layers that feed them", () => {
  const builder = new GraphBuilder("g").add("DatasetInput").add("ReLU");
  const graph = builder.add("Add", {}, { after: [builder.last, "datasetinput-1"] }).build();
  expect(graph.links.slice(1).map((link) => link.from.node)).toEqual(["relu-1", "datasetinput-1"]);
  expect(new GraphBuilder("empty").build()).toEqual({ name: "empty", nodes: [], links: [] });
});

test("the patterns can be trained as they are", () => {
  expect(checkGraph(digitsCnn(), { sampleShape: [1, 28, 28], classes: 10 })).toEqual([]);
  expect(checkGraph(mlp({ outputs: 3, task: "classify" }), { sampleShape: [4], classes: 3 })).toEqual([]);
  expect(checkGraph(mlp({ outputs: 1, task: "regress", hidden: [] }), { sampleShape: [13], targetShape: [1] })).toEqual(
    [],
  );
});
