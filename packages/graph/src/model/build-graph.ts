/**
 * Builds graphs in code: for patterns, examples and tests.
 *
 * Each added layer is wired by the kinds of its pins: tensors from the layer before it (or the ones named in `after`),
 * labels from the DatasetInput, the loss from the loss layer. It does not check the graph: `checkGraph` does.
 */
import { CATALOGUE } from "../layers/catalogue.ts";
import type { Graph, GraphLink, GraphNode, ParamValue } from "./graph.ts";
import type { LayerType } from "./layer-type.ts";

type NodeParams = Readonly<Record<string, ParamValue>>;

/** One layer of a list: its type, what differs from the catalogue's defaults, and a name of its own. */
export type LayerEntry = readonly [type: LayerType, params?: NodeParams, name?: string];

export interface AddOptions {
  /** "Conv2D 1" when absent; roles that a graph has once go by their type alone. */
  readonly name?: string;
  /** Ids of the layers that feed this one; the layer added before it when absent. */
  readonly after?: readonly string[];
}

const COLUMN_WIDTH = 220;

/** Collects layers and wires; ids are the type and a number ("conv2d-1"), so the same calls give the same graph. */
export class GraphBuilder {
  readonly #name: string;
  readonly #nodes: GraphNode[] = [];
  readonly #links: GraphLink[] = [];
  readonly #counts = new Map<LayerType, number>();
  /** Where the next layer's tensors, labels and loss come from. */
  #tensor: string | undefined;
  #data: string | undefined;
  #loss: string | undefined;

  constructor(name: string) {
    this.#name = name;
  }

  /** Id of the layer added last. */
  get last(): string {
    return this.#nodes.at(-1)?.id ?? "";
  }

  add(type: LayerType, params: NodeParams = {}, options: AddOptions = {}): this {
    const { role } = CATALOGUE[type];
    const count = (this.#counts.get(type) ?? 0) + 1;
    this.#counts.set(type, count);
    const id = `${type.toLowerCase()}-${count}`;
    const name = options.name ?? (role === "layer" || count > 1 ? `${type} ${count}` : type);
    this.#nodes.push({ id, type, name, params, position: [this.#nodes.length * COLUMN_WIDTH, 0] });
    this.#wire(id, type, options.after ?? (this.#tensor === undefined ? [] : [this.#tensor]));
    if (role === "data") this.#data = id;
    if (role === "loss") this.#loss = id;
    else if (role !== "optimizer") this.#tensor = id;
    return this;
  }

  build(): Graph {
    return { name: this.#name, nodes: [...this.#nodes], links: [...this.#links] };
  }

  #wire(to: string, type: LayerType, tensors: readonly string[]): void {
    for (const [pin, { kind }] of CATALOGUE[type].inputs.entries()) {
      if (kind === "tensor") for (const from of tensors) this.#link(from, 0, { node: to, pin });
      if (kind === "labels" && this.#data !== undefined) this.#link(this.#data, 1, { node: to, pin });
      if (kind === "loss" && this.#loss !== undefined) this.#link(this.#loss, 0, { node: to, pin });
    }
  }

  #link(node: string, pin: number, to: GraphLink["to"]): void {
    this.#links.push({ from: { node, pin }, to });
  }
}

/**
 * A chain: a DatasetInput, then the listed layers one after another, with the Output, the loss and the optimizer last.
 *
 * `sequential("Digits", [["Flatten"], ["Dense", { units: 10 }], ["Output"], ["CrossEntropyLoss"], ["Adam"]])`
 */
export function sequential(name: string, layers: readonly LayerEntry[]): Graph {
  const builder = new GraphBuilder(name).add("DatasetInput");
  for (const [type, params, layerName] of layers) {
    builder.add(type, params, layerName === undefined ? {} : { name: layerName });
  }
  return builder.build();
}
