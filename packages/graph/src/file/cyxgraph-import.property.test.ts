import { AppError } from "@cyxwiz/primitives";
import fc from "fast-check";
import { expect, test } from "vitest";
import { checkGraph } from "../shape/check-graph.ts";
import { importCyxgraph } from "./cyxgraph-import.ts";
import { parseCyxwiz, writeCyxwiz } from "./cyxwiz-file.ts";
import { DATA_NODES, ENGINE_LAYERS, RESHAPES } from "./engine-layers.ts";
import { LAYER_TYPES } from "../model/layer-type.ts";

/** Mostly types that import can read, so that most files get past the refusal of layers. */
const readable = [...LAYER_TYPES, ...Object.keys(DATA_NODES)].map((type) => ENGINE_LAYERS.indexOf(type));
const shapes = [...RESHAPES].map((type) => ENGINE_LAYERS.indexOf(type));
const type = fc.oneof({ weight: 30, arbitrary: fc.constantFrom(...readable) }, fc.constantFrom(...shapes));

const key = fc.oneof(
  fc.constantFrom(
    "units",
    "filters",
    "kernel_size",
    "padding",
    "activation",
    "rate",
    "p",
    "batch_size",
    "shape",
    "__proto__",
    "toString",
  ),
  fc.string({ maxLength: 12 }),
);
const value = fc.oneof(
  fc.constantFrom("3", "relu", "none", "same", "-1,28,28,1", "-1,9", "true"),
  fc.string({ maxLength: 12 }),
  fc.double(),
  fc.jsonValue(),
);
const node = fc.record(
  {
    id: fc.integer({ min: -2, max: 12 }),
    type,
    name: fc.oneof(fc.string({ unit: "binary" }), fc.jsonValue()),
    parameters: fc.dictionary(key, value, { maxKeys: 5 }),
    pos_x: fc.double(),
    pos_y: fc.double(),
  },
  { requiredKeys: ["id", "type"] },
);
const end = fc.integer({ min: -3, max: 13 });
const pin = fc.oneof(fc.integer({ min: -1, max: 6 }), fc.double());
const link = fc.record(
  { from_node: end, from_pin: pin, to_node: end, to_pin: pin, from_pin_index: pin, to_pin_index: pin },
  { requiredKeys: ["from_node", "to_node"] },
);
const file = fc.record(
  {
    version: fc.constantFrom("1.0", "1", 1),
    name: fc.string({ unit: "binary" }),
    nodes: fc.uniqueArray(node, { selector: (each) => each.id, maxLength: 12 }),
    links: fc.array(link, { maxLength: 20 }),
  },
  { requiredKeys: ["nodes", "links"] },
);

test("[IM12] an Engine file is a graph that can be saved and checked, or an AppError", () => {
  let opened = 0;
  fc.assert(
    fc.property(file, (document) => {
      let graph;
      try {
        ({ graph } = importCyxgraph(JSON.stringify(document)));
      } catch (error) {
        expect(error).toBeInstanceOf(AppError);
        return;
      }
      opened += 1;
      expect(parseCyxwiz(writeCyxwiz(graph))).toEqual(graph);
      checkGraph(graph, { sampleShape: [1, 8, 8], classes: 3 });
    }),
    { numRuns: 500 },
  );
  expect(opened).toBeGreaterThan(100);
});
