import { readFileSync } from "node:fs";
import { AppError, assert, isError } from "@cyxwiz/primitives";
import { expect, test } from "vitest";
import { GRAPH_ERRORS } from "../errors.ts";
import { MAX_FILE_DEPTH, MAX_FILE_LENGTH, MAX_NODES } from "../limits.ts";
import { digitsCnn } from "../model/patterns/digits-cnn.ts";
import { mlp } from "../model/patterns/mlp.ts";
import { parseCyxwiz, writeCyxwiz } from "./cyxwiz-file.ts";

const NODE = { id: "a", type: "ReLU", name: "a", params: {} };

function caught(run: () => unknown): AppError {
  try {
    run();
  } catch (error) {
    assert(error instanceof AppError, "expected an AppError");
    return error;
  }
  throw new Error("expected a refusal");
}

/** The refusal of a version 1 file with this graph. */
function refusal(graph: unknown): AppError {
  return caught(() => parseCyxwiz(JSON.stringify({ format: "cyxwiz", version: 1, graph })));
}

function graphWith(node: object): object {
  return { name: "g", nodes: [{ ...NODE, ...node }], links: [] };
}

function linked(from: unknown, to: unknown): object {
  return { name: "g", nodes: [NODE], links: [{ from, to }] };
}

test("[GR1] a file says its format and version, and another version is told apart from a broken file", () => {
  const graph = { name: "g", nodes: [], links: [] };
  expect(parseCyxwiz(JSON.stringify({ format: "cyxwiz", version: 1, graph }))).toEqual(graph);
  const newer = caught(() => parseCyxwiz(JSON.stringify({ format: "cyxwiz", version: 2, graph, more: 1 })));
  assert(isError(newer, GRAPH_ERRORS.FILE_VERSION_UNSUPPORTED), "expected graph/file-version-unsupported");
  expect(newer.context).toEqual({ version: "2", readable: [1] });
  expect(caught(() => parseCyxwiz(JSON.stringify({ format: "cyxwiz", version: "1", graph }))).code).toBe(
    "graph/file-malformed",
  );
  expect(caught(() => parseCyxwiz(JSON.stringify({ format: "other", version: 1, graph }))).message).toContain(
    "$.format",
  );
  expect(
    caught(() => parseCyxwiz(JSON.stringify({ format: "cyxwiz", version: 1, graph, extra: 1 }))).message,
  ).toContain('"extra"');
});

test("[GR2] the written form has one key order, two spaces and a line break at the end", () => {
  const node = { params: { units: 3, bias: false }, name: "d", type: "Dense", id: "d" } as const;
  const text = writeCyxwiz({ links: [], nodes: [node], name: "g" });
  expect(text.startsWith('{\n  "format": "cyxwiz",\n  "version": 1,\n  "graph": {\n    "name": "g"')).toBe(true);
  expect(text.endsWith("}\n")).toBe(true);
  expect(text.indexOf('"bias"')).toBeLessThan(text.indexOf('"units"'));
  expect(text.indexOf('"id"')).toBeLessThan(text.indexOf('"type"'));
});

test("[GR4] a refusal names the path, the value and what was allowed", () => {
  const error = refusal(graphWith({ type: "Conv9D" }));
  assert(isError(error, GRAPH_ERRORS.FILE_MALFORMED), "expected graph/file-malformed");
  expect(error.context.path).toBe("$.graph.nodes[0].type");
  expect(error.context.value).toBe('"Conv9D"');
  expect(error.context.allowed).toContain("Conv2D");
  expect(refusal({ name: "g", nodes: {}, links: [] }).message).toBe(
    "the graph file is wrong at $.graph.nodes: found an object, expected a list",
  );
  expect(caught(() => parseCyxwiz("{")).message).toContain("text that is not JSON");
  expect(caught(() => parseCyxwiz('"cyxwiz"')).message).toContain("an object");
});

test("[GR5] length, depth and counts are refused before a graph is built", () => {
  const code = "graph/file-limit-exceeded";
  expect(caught(() => parseCyxwiz(" ".repeat(MAX_FILE_LENGTH + 1))).code).toBe(code);
  expect(caught(() => parseCyxwiz("[".repeat(1_000_000))).code).toBe(code);
  expect(caught(() => parseCyxwiz("[".repeat(MAX_FILE_DEPTH + 1))).message).toContain("levels of brackets");
  const nodes = Array.from({ length: MAX_NODES + 1 }, (_, index) => ({ ...NODE, id: `n${index}` }));
  expect(refusal({ name: "g", nodes, links: [] }).message).toContain(`allowed are ${MAX_NODES}`);
  const params = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`p${index}`, 1]));
  expect(refusal(graphWith({ params })).code).toBe(code);
  expect(refusal(graphWith({ name: "x".repeat(201) })).code).toBe(code);
});

test("[GR5] a graph whose file could not be opened again is not written", () => {
  const params = Object.fromEntries(Array.from({ length: 16 }, (_, index) => [`p${index}`, "x".repeat(250)]));
  const nodes = Array.from(
    { length: MAX_NODES },
    (_, index) => ({ id: `n${index}`, type: "ReLU", name: "n", params }) as const,
  );
  expect(caught(() => writeCyxwiz({ name: "g", nodes, links: [] })).code).toBe("graph/file-limit-exceeded");
});

test("[GR5] brackets inside a text are no depth", () => {
  const graph = { name: `${"[{".repeat(50)}\\"`, nodes: [], links: [] };
  expect(parseCyxwiz(JSON.stringify({ format: "cyxwiz", version: 1, graph })).name).toBe(graph.name);
});

test("[GR6] ids are unique, links join nodes of the file, pins are small whole numbers", () => {
  expect(refusal({ name: "g", nodes: [NODE, NODE], links: [] }).message).toContain("$.graph.nodes[1].id");
  expect(refusal(graphWith({ id: "a b" })).message).toContain("1 to 64 letters");
  expect(refusal(graphWith({ id: 7 })).message).toContain("$.graph.nodes[0].id");
  const end = { node: "a", pin: 0 };
  expect(refusal(linked(end, { node: "__proto__", pin: 0 })).message).toContain("$.graph.links[0].to.node");
  for (const pin of [-1, 0.5, 1e300, 64, "0", null]) {
    expect(refusal(linked({ ...end, pin }, end)).message).toContain("$.graph.links[0].from.pin");
  }
});

test("[GR7] names cannot carry escape codes, line breaks or direction marks", () => {
  for (const name of ["", "\u001b[31mred", "two\nlines", "\u202eevil", 5]) {
    expect(refusal(graphWith({ name })).message).toContain("$.graph.nodes[0].name");
  }
  const graph = { name: "g", description: "two\n\tlines", nodes: [], links: [] };
  expect(parseCyxwiz(writeCyxwiz(graph))).toEqual(graph);
  expect(refusal({ ...graph, description: "\u0007" }).message).toContain("$.graph.description");
});

test("[GR8] parameters are plain values under plain names", () => {
  for (const params of [
    '{"__proto__": 1}',
    '{"a b": 1}',
    '{"units": null}',
    '{"units": [1]}',
    '{"units": 1e999}',
    '{"units": {}}',
    "[]",
  ]) {
    const text = `{"format":"cyxwiz","version":1,"graph":{"name":"g","nodes":[{"id":"a","type":"Dense","name":"a","params":${params}}],"links":[]}}`;
    expect(caught(() => parseCyxwiz(text)).message).toContain("$.graph.nodes[0].params");
  }
  expect(caught(() => parseCyxwiz('{"format":"cyxwiz","version":NaN}')).message).toContain("not JSON");
  expect(refusal(graphWith({ position: [0] })).message).toContain("[x, y]");
  expect(refusal(graphWith({ position: [0, 1e8] })).message).toContain("position[1]");
});

test("[GR8] a graph that no file can hold is refused when it is written", () => {
  for (const units of [Number.NaN, Number.POSITIVE_INFINITY]) {
    const node = { id: "a", type: "Dense", name: "a", params: { units } } as const;
    expect(caught(() => writeCyxwiz({ name: "g", nodes: [node], links: [] })).message).toContain("params.units");
  }
});

test("[GR10] the committed file of version 1 opens and is written back unchanged", () => {
  const text = readFileSync(new URL("golden/version-1.cyxwiz", import.meta.url), "utf8");
  const graph = parseCyxwiz(text);
  expect(graph.nodes.map((node) => node.type)).toContain("Concatenate");
  expect(graph.nodes[0]?.position).toEqual([-12.5, 40]);
  expect(writeCyxwiz(graph)).toBe(text);
});

test("[GR2] the examples are the patterns, written", () => {
  const example = (name: string): string =>
    readFileSync(new URL(`../../../../examples/${name}`, import.meta.url), "utf8");
  expect(example("digits-cnn.cyxwiz")).toBe(writeCyxwiz(digitsCnn()));
  const iris = mlp({ name: "Iris MLP", hidden: [16, 16], outputs: 3, task: "classify" });
  expect(example("iris-mlp.cyxwiz")).toBe(writeCyxwiz(iris));
});
