import { AppError } from "@cyxwiz/primitives";
import fc from "fast-check";
import { expect, test } from "vitest";
import { corruptedGraph, drawnGraph, soundGraph } from "../model/arbitrary-graph.fixture.ts";
import { parseCyxwiz, writeCyxwiz } from "./cyxwiz-file.ts";

test("[GR3] a graph that is written and read is the same graph", () => {
  fc.assert(
    fc.property(fc.oneof(soundGraph, drawnGraph), (graph) => {
      // −0 is the one value that JSON writes as another.
      const plain = JSON.parse(JSON.stringify(graph)) as unknown;
      expect(parseCyxwiz(writeCyxwiz(graph))).toEqual(plain);
    }),
  );
});

test("[GR2] a canonical text that is read and written is the same text", () => {
  fc.assert(
    fc.property(drawnGraph, (graph) => {
      const text = writeCyxwiz(graph);
      expect(writeCyxwiz(parseCyxwiz(text))).toBe(text);
    }),
  );
});

test("[GR4] any text and any JSON is a graph or an AppError", () => {
  const wrapped = fc.jsonValue().map((graph) => ({ format: "cyxwiz", version: 1, graph }));
  const hostile = corruptedGraph.map((graph) => ({ format: "cyxwiz", version: 1, graph }));
  const text = fc.oneof(
    fc.string(),
    fc.oneof(wrapped, hostile, fc.jsonValue()).map((value) => JSON.stringify(value)),
  );
  fc.assert(
    fc.property(text, (input) => {
      try {
        writeCyxwiz(parseCyxwiz(input));
      } catch (error) {
        expect(error).toBeInstanceOf(AppError);
      }
    }),
  );
});
