import fc from "fast-check";
import { expect, test } from "vitest";
import { corruptedGraph, drawnGraph, soundGraph } from "../model/arbitrary-graph.fixture.ts";
import type { Graph } from "../model/graph.ts";
import { checkGraph } from "./check-graph.ts";
import { PROBLEM_CODES } from "./graph-problem.ts";
import { inferShapes } from "./infer-shapes.ts";

const sample = fc.oneof(fc.array(fc.integer({ min: -1, max: 9 }), { maxLength: 4 }), fc.constant([2 ** 31]));

test("[SH16] no graph makes the check throw, and every problem names a node that exists or none", () => {
  fc.assert(
    fc.property(fc.oneof(corruptedGraph, drawnGraph, soundGraph), sample, (graph, sampleShape) => {
      const ids = new Set(graph.nodes.map((node) => node.id));
      for (const problem of checkGraph(graph, { sampleShape, classes: 3 })) {
        expect(PROBLEM_CODES).toContain(problem.code);
        expect(problem.nodeId === null || ids.has(problem.nodeId)).toBe(true);
        expect(problem.message).not.toBe("");
        expect(problem.fix).not.toBe("");
      }
    }),
    { numRuns: 400 },
  );
});

test("[SH17] shapes are inferred exactly when no error but one about the labels is left", () => {
  const aboutLabels = new Set(["output-width-mismatch", "loss-mismatch"]);
  fc.assert(
    fc.property(fc.oneof(corruptedGraph, soundGraph), (graph) => {
      const errors = checkGraph(graph, { sampleShape: [4], classes: 3 }).filter(
        (problem) => problem.severity === "error" && !aboutLabels.has(problem.code),
      );
      const result = inferShapes(graph, [4]);
      expect(result.kind).toBe(errors.length === 0 ? "ok" : "invalid");
      if (result.kind === "invalid") expect(result.problems).toEqual(errors);
    }),
  );
});

test("[SH9] every layer comes behind all that feed it, whatever the order of the file", () => {
  const shuffled = soundGraph.chain((graph) =>
    fc
      .shuffledSubarray([...graph.nodes], { minLength: graph.nodes.length })
      .map((nodes): Graph => ({ name: graph.name, nodes, links: graph.links })),
  );
  fc.assert(
    fc.property(shuffled, (graph) => {
      const result = inferShapes(graph, [4]);
      expect(result.kind).toBe("ok");
      if (result.kind !== "ok") return;
      const place = new Map(result.order.map((node, index) => [node.id, index]));
      expect(place.size).toBe(graph.nodes.length);
      for (const link of graph.links) {
        expect(place.get(link.from.node)).toBeLessThan(place.get(link.to.node) ?? -1);
      }
      const again = inferShapes(structuredCopy(graph), [4]);
      expect(again.kind === "ok" && again.order.map((node) => node.id)).toEqual(result.order.map((node) => node.id));
    }),
  );
});

function structuredCopy(graph: Graph): Graph {
  return JSON.parse(JSON.stringify(graph)) as Graph;
}
