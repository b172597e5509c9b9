/**
 * The part of a graph that compiles to tensors: the layers that the answer or the loss depends on, in order, with what
 * they train. The two mostly are one node; they part where the loss wants scores and the answer is a Softmax of them.
 */
import { assert, defined } from "@cyxwiz/primitives";
import type { ParameterSpec, Params, Shape } from "../layer/layer-definition.ts";
import { CATALOGUE } from "../layers/catalogue.ts";
import type { Graph, GraphNode } from "../model/graph.ts";
import type { ShapedGraph } from "../shape/infer-shapes.ts";

export interface NetworkLayer {
  readonly node: GraphNode;
  readonly params: Params;
  /** Ids of the nodes on its tensor pins. */
  readonly sources: readonly string[];
  readonly outputShape: Shape;
  readonly parameters: readonly ParameterSpec[];
  /** Its place in the graph's list of nodes: the lane of its random numbers. */
  readonly lane: number;
}

export interface Network {
  readonly inputId: string;
  readonly layers: readonly NetworkLayer[];
  /** The Output node. */
  readonly answerId: string;
  /** What the loss compares with the labels. */
  readonly predictionId: string;
  readonly loss: GraphNode;
  readonly optimizer: GraphNode;
  readonly optimizerParams: Params;
}

/** Picks the network out of a graph that shape inference has accepted. Pure. */
export function readNetwork(graph: Graph, shaped: ShapedGraph): Network {
  const data = soleNode(shaped, "data");
  const answer = soleNode(shaped, "output");
  const loss = soleNode(shaped, "loss");
  const optimizer = soleNode(shaped, "optimizer");
  const predictionId = defined(shaped.sources.get(loss.id)?.[0], "the node before the loss");
  const layers = shaped.order
    .filter((node) => CATALOGUE[node.type].lower !== undefined)
    .map((node) => readLayer(graph, shaped, node));
  return {
    inputId: data.id,
    layers: layersBehind(layers, [answer.id, predictionId]),
    answerId: answer.id,
    predictionId,
    loss,
    optimizer,
    optimizerParams: defined(shaped.params.get(optimizer.id), "the optimizer's parameters"),
  };
}

/** The layers that any of some nodes depends on, themselves included, in order. */
export function layersBehind(layers: readonly NetworkLayer[], ids: readonly string[]): readonly NetworkLayer[] {
  const needed = new Set(ids);
  for (const layer of layers.toReversed()) {
    if (needed.has(layer.node.id)) for (const source of layer.sources) needed.add(source);
  }
  return layers.filter((layer) => needed.has(layer.node.id));
}

function soleNode(shaped: ShapedGraph, role: "data" | "output" | "loss" | "optimizer"): GraphNode {
  const found = shaped.order.filter((node) => CATALOGUE[node.type].role === role);
  assert(found.length === 1, `an accepted graph has one ${role} node`);
  return defined(found[0], `the ${role} node`);
}

function readLayer(graph: Graph, shaped: ShapedGraph, node: GraphNode): NetworkLayer {
  const params = defined(shaped.params.get(node.id), `the parameters of ${node.id}`);
  const inputs = defined(shaped.inputs.get(node.id), `the input shapes of ${node.id}`);
  return {
    node,
    params,
    sources: defined(shaped.sources.get(node.id), `the sources of ${node.id}`),
    outputShape: defined(shaped.shapes.get(node.id), `the shape of ${node.id}`),
    parameters: CATALOGUE[node.type].parameters(node.id, inputs, params),
    lane: graph.nodes.findIndex((other) => other.id === node.id),
  };
}
