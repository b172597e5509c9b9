import { assert } from "@cyxwiz/primitives";
import { expect, test } from "vitest";
import { GraphBuilder } from "../model/build-graph.ts";
import { digitsCnn } from "../model/patterns/digits-cnn.ts";
import { inferShapes } from "./infer-shapes.ts";

test("[SH9] the digits network shrinks its images to ten scores", () => {
  const result = inferShapes(digitsCnn(), [1, 28, 28]);
  assert(result.kind === "ok", "expected shapes");
  expect(result.order.map((node) => [node.type, result.shapes.get(node.id)])).toEqual([
    ["DatasetInput", [1, 28, 28]],
    ["Conv2D", [8, 26, 26]],
    ["ReLU", [8, 26, 26]],
    ["MaxPool2D", [8, 13, 13]],
    ["Conv2D", [24, 11, 11]],
    ["ReLU", [24, 11, 11]],
    ["MaxPool2D", [24, 5, 5]],
    ["Flatten", [600]],
    ["Dropout", [600]],
    ["Dense", [64]],
    ["ReLU", [64]],
    ["Dense", [10]],
    ["Output", [10]],
    ["CrossEntropyLoss", []],
    ["Adam", []],
  ]);
  expect(result.params.get("conv2d-1")).toMatchObject({ filters: 8, kernel_size: 3, padding: "valid" });
  expect(result.inputs.get("datasetinput-1")).toEqual([[1, 28, 28]]);
  expect(result.inputs.get("crossentropyloss-1")).toEqual([[10]]);
  expect(result.sources.get("crossentropyloss-1")).toEqual(["output-1"]);
  expect(result.sources.get("adam-1")).toEqual([]);
});

test("[SH9] wires of a pin that takes many keep the order of the file", () => {
  const builder = new GraphBuilder("g").add("DatasetInput").add("Dense", { units: 2 }).add("Dense", { units: 5 });
  builder.add("Concatenate", {}, { after: ["dense-2", "dense-1"] }).add("Output", { classes: 7 });
  const result = inferShapes(builder.add("CrossEntropyLoss").add("Adam").build(), [4]);
  assert(result.kind === "ok", "expected shapes");
  expect(result.inputs.get("concatenate-1")).toEqual([[5], [2]]);
  expect(result.sources.get("concatenate-1")).toEqual(["dense-2", "dense-1"]);
});

test("[SH17] a graph with an error has problems instead of shapes", () => {
  const result = inferShapes({ name: "g", nodes: [], links: [] }, [4]);
  expect(result.kind).toBe("invalid");
});
