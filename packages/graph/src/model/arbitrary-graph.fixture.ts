/** Random graphs for property tests: sound ones by construction, and the same ones with a corruption. */
import fc from "fast-check";
import { GraphBuilder } from "./build-graph.ts";
import type { Graph, GraphLink, GraphNode, ParamValue } from "./graph.ts";
import { LAYER_TYPES } from "./layer-type.ts";

const HIDDEN: fc.Arbitrary<
  readonly ["Dense" | "ReLU" | "GELU" | "Tanh" | "Dropout" | "LayerNorm" | "residual", number]
> = fc.tuple(
  fc.constantFrom("Dense", "ReLU", "GELU", "Tanh", "Dropout", "LayerNorm", "residual"),
  fc.integer({ min: 2, max: 9 }),
);

const SHOWABLE: fc.Arbitrary<string> = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 40 })
  .filter((text) => !/[\p{Cc}\u2028\u2029\u202A-\u202E\u2066-\u2069]/u.test(text));

/** A graph over tables that trains for any number of features above 1 and three classes. */
export const soundGraph: fc.Arbitrary<Graph> = fc
  .record({ name: SHOWABLE, layers: fc.array(HIDDEN, { maxLength: 12 }) })
  .map(({ name, layers }) => {
    const builder = new GraphBuilder(name).add("DatasetInput").add("Dense", { units: 4 });
    for (const [kind, units] of layers) {
      const before = builder.last;
      if (kind === "residual") builder.add("ReLU").add("Add", {}, { after: [before, builder.last] });
      else builder.add(kind, kind === "Dense" ? { units } : {});
    }
    return builder.add("Dense", { units: 3 }).add("Output", { classes: 3 }).add("CrossEntropyLoss").add("Adam").build();
  });

const paramValue: fc.Arbitrary<ParamValue> = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
  fc.boolean(),
  fc.constantFrom("same", "relu", "", "x"),
);

const anyNode: fc.Arbitrary<GraphNode> = fc.record(
  {
    id: fc.stringMatching(/^[A-Za-z0-9_-]{1,8}$/),
    type: fc.constantFrom(...LAYER_TYPES),
    name: SHOWABLE,
    params: fc.dictionary(
      fc.oneof(
        fc.constantFrom("units", "filters", "padding", "rate", "constructor"),
        fc.stringMatching(/^[a-z][a-z_]{0,8}$/),
      ),
      paramValue,
      { maxKeys: 3, noNullPrototype: true },
    ),
    position: fc.tuple(fc.integer({ min: -999, max: 999 }), fc.integer({ min: -999, max: 999 })),
  },
  { requiredKeys: ["id", "type", "name", "params"], noNullPrototype: true },
);

/** A graph of any nodes and wires that the file format can hold; hardly ever one that trains. */
export const drawnGraph: fc.Arbitrary<Graph> = fc
  .uniqueArray(anyNode, { selector: (node) => node.id, minLength: 1, maxLength: 12 })
  .chain((nodes) => {
    const end = fc.record(
      { node: fc.constantFrom(...nodes.map((node) => node.id)), pin: fc.integer({ min: 0, max: 3 }) },
      { noNullPrototype: true },
    );
    const link: fc.Arbitrary<GraphLink> = fc.record({ from: end, to: end }, { noNullPrototype: true });
    const links = fc.array(link, { maxLength: 20 });
    return fc.record({ name: SHOWABLE, nodes: fc.constant(nodes), links }, { noNullPrototype: true });
  });

/** Any node id, type, pin or parameter value replaced, dropped or doubled: also what no file could hold. */
export const corruptedGraph: fc.Arbitrary<Graph> = fc
  .record({
    graph: fc.oneof(soundGraph, drawnGraph),
    at: fc.nat({ max: 30 }),
    damage: fc.constantFrom(
      "drop-node",
      "double-node",
      "drop-link",
      "double-link",
      "odd-type",
      "odd-pin",
      "odd-param",
      "odd-end",
      "odd-id",
    ),
    pin: fc.oneof(fc.constantFrom(-1, 0.5, NaN, Infinity, 1e300), fc.nat({ max: 3 })),
  })
  .map(({ graph, at, damage, pin }) => damaged(graph, { at, damage, pin }));

function damaged(graph: Graph, how: { readonly at: number; readonly damage: string; readonly pin: number }): Graph {
  const node = graph.nodes[how.at % Math.max(graph.nodes.length, 1)];
  const link = graph.links[how.at % Math.max(graph.links.length, 1)];
  const swapNode = (other: object): Graph => ({
    ...graph,
    nodes: graph.nodes.map((each) => (each === node ? { ...each, ...other } : each)),
  });
  const swapLink = (other: object): Graph => ({
    ...graph,
    links: graph.links.map((each) => (each === link ? { ...each, ...other } : each)),
  });
  if (how.damage === "drop-node") return { ...graph, nodes: graph.nodes.filter((each) => each !== node) };
  if (how.damage === "double-node" && node) return { ...graph, nodes: [...graph.nodes, node] };
  if (how.damage === "drop-link") return { ...graph, links: graph.links.filter((each) => each !== link) };
  if (how.damage === "double-link" && link) return { ...graph, links: [...graph.links, link] };
  if (how.damage === "odd-type") return swapNode({ type: "constructor" });
  if (how.damage === "odd-id") return swapNode({ id: "no id\u0000" });
  if (how.damage === "odd-param") return swapNode({ params: { units: how.pin, toString: 1, ["__proto__"]: 2 } });
  if (how.damage === "odd-pin" && link) return swapLink({ to: { ...link.to, pin: how.pin } });
  if (how.damage === "odd-end" && link) return swapLink({ from: { ...link.from, node: "__proto__" } });
  return graph;
}
