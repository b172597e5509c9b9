import { assert, isAppError } from "@cyxwiz/primitives";
import { expect, test } from "vitest";
import { digitsCnn } from "../model/patterns/digits-cnn.ts";
import { writeCyxwiz } from "./cyxwiz-file.ts";
import { openGraphFile } from "./open-graph-file.ts";

function refusal(text: string): { readonly code: string; readonly message: string } {
  try {
    openGraphFile(text);
  } catch (error) {
    assert(isAppError(error), "expected an AppError");
    return error;
  }
  throw new Error("expected a refusal");
}

test("[GR9] our files and the Engine's are told apart by what is in them", () => {
  const ours = writeCyxwiz(digitsCnn());
  expect(openGraphFile(ours)).toEqual({ graph: digitsCnn(), assumptions: [], settings: {} });
  expect(openGraphFile(`\uFEFF${ours}`).graph.name).toBe("Digits CNN");
  const engine = openGraphFile(JSON.stringify({ nodes: [{ id: 1, type: 29, name: "r" }], links: [] }));
  expect(engine.graph.nodes).toMatchObject([{ id: "relu-1", type: "ReLU" }]);
});

test("[GR9] anything else says what it is and what can be read", () => {
  const code = "graph/file-format-unknown";
  expect(refusal('{"format": "onnx"}')).toMatchObject({
    code,
    message: expect.stringContaining('the format "onnx"') as string,
  });
  expect(refusal('{"template": {}, "nodes": []}').message).toContain("a pattern file");
  expect(refusal("[]")).toMatchObject({ code, message: expect.stringContaining("a list of 0") as string });
  expect(refusal('{"a": 1}').message).toContain("readable are a CyxWiz graph");
});
