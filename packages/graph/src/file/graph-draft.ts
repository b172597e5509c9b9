/**
 * An imported graph while it is mended: what an Engine file leaves unsaid becomes layers and wires of its own.
 *
 * Every change is told as an assumption. Steps run in one order: activations, then sums, then the ends of the graph.
 */
import { CATALOGUE } from "../layers/catalogue.ts";
import type { GraphLink, GraphNode } from "../model/graph.ts";
import type { LayerType } from "../model/layer-type.ts";
import type { Assumption, AssumptionCode } from "./assumption.ts";
import type { EngineWire } from "./engine-wires.ts";

const ROW_HEIGHT = 90;
const ACTIVATION_TYPES: ReadonlySet<LayerType> = new Set(["ReLU", "GELU", "Tanh", "Sigmoid", "Softmax"]);

export class GraphDraft {
  #nodes: GraphNode[];
  #wires: EngineWire[];
  readonly #assumptions: Assumption[];

  constructor(nodes: readonly GraphNode[], wires: readonly EngineWire[], assumptions: Assumption[]) {
    this.#nodes = [...nodes];
    this.#wires = [...wires];
    this.#assumptions = assumptions;
  }

  /** Makes the activation that a layer applies to its own result a layer behind it. */
  splitActivations(activations: ReadonlyMap<string, LayerType | "unset">): void {
    const typeOf = new Map(this.#nodes.map((node) => [node.id, node.type]));
    const consumers = new Map<string, LayerType[]>();
    for (const wire of this.#wires) {
      const type = typeOf.get(wire.to);
      if (type) consumers.set(wire.from, [...(consumers.get(wire.from) ?? []), type]);
    }
    const movedTo = new Map<string, string>();
    this.#nodes = this.#nodes.flatMap((node) => {
      const activation = activations.get(node.id);
      if (activation === undefined || isRepeated(activation, consumers.get(node.id) ?? [])) return [node];
      const type = activation === "unset" ? "ReLU" : activation;
      const added = this.#beside(node, type, "activation");
      const why = activation === "unset" ? "the Engine's default where a file does not say it" : "its activation";
      this.#say(node, "activation-made-explicit", `${type} (${why}) is a layer of its own here: "${added.name}"`);
      movedTo.set(node.id, added.id);
      return [node, added];
    });
    this.#wires = this.#wires.map((wire) => ({ ...wire, from: movedTo.get(wire.from) ?? wire.from }));
    for (const [from, to] of movedTo) this.#wires.push({ from, fromPin: 0, to, toPin: 0, order: 0 });
  }

  /** Puts an Add where several wires enter a pin that takes one; other pins keep their first wire. */
  insertAdds(): void {
    const groups = Map.groupBy(this.#wires, (wire) => `${wire.to} ${wire.toPin}`);
    const before = new Map<string, GraphNode>();
    const wires: EngineWire[] = [];
    const nodes = new Map(this.#nodes.map((node) => [node.id, node]));
    for (const group of groups.values()) {
      const sorted = group.toSorted((a, b) => a.order - b.order);
      const [first] = sorted;
      const target = first && nodes.get(first.to);
      if (!first || !target) continue;
      const pin = CATALOGUE[target.type].inputs[first.toPin];
      if (group.length === 1 || pin?.many) wires.push(...sorted);
      else if (pin?.kind !== "tensor") {
        wires.push(first);
        const message = `${group.length} wires enter its ${pin?.name ?? `pin ${first.toPin}`}: only the first is kept`;
        this.#say(target, "wire-dropped", message);
      } else {
        const sum = this.#beside(target, "Add", "sum");
        before.set(target.id, sum);
        for (const wire of sorted) wires.push({ ...wire, to: sum.id, toPin: 0 });
        wires.push({ from: sum.id, fromPin: 0, to: first.to, toPin: first.toPin, order: 0 });
        this.#say(
          target,
          "add-inserted",
          `${group.length} wires enter its one input: they are added up first, in "${sum.name}"`,
        );
      }
    }
    this.#wires = wires;
    this.#nodes = this.#nodes.flatMap((node) => {
      const sum = before.get(node.id);
      return sum ? [sum, node] : [node];
    });
  }

  /** Adds what can only be meant: the Output, the labels' wire, the optimizer's wire. */
  completeEnds(): void {
    const data = this.#sole("data");
    const loss = this.#sole("loss");
    const optimizer = this.#sole("optimizer");
    if (loss) this.#completeOutput(loss);
    if (data && loss) this.#completeWire(data, 1, { node: loss, pin: 1 });
    if (loss && optimizer) this.#completeWire(loss, 0, { node: optimizer, pin: 0 });
  }

  nodes(): readonly GraphNode[] {
    return this.#nodes;
  }

  links(): readonly GraphLink[] {
    return this.#wires.map((wire) => ({
      from: { node: wire.from, pin: wire.fromPin },
      to: { node: wire.to, pin: wire.toPin },
    }));
  }

  #completeOutput(loss: GraphNode): void {
    if (this.#nodes.some((node) => node.type === "Output")) return;
    const index = this.#wires.findIndex((wire) => wire.to === loss.id && wire.toPin === 0);
    const wire = this.#wires[index];
    if (!wire) return;
    const last = this.#nodes.find((node) => node.id === wire.from);
    const units = last?.type === "Dense" ? last.params["units"] : undefined;
    const params = typeof units === "number" && units !== 10 ? { classes: units } : {};
    const output = { ...this.#beside(loss, "Output", "output"), params };
    this.#nodes.splice(this.#nodes.indexOf(loss), 0, output);
    this.#wires.splice(index, 1, { ...wire, to: output.id, toPin: 0 }, { ...wire, from: output.id, fromPin: 0 });
    this.#say(output, "output-inserted", `the file has no Output: one stands before "${loss.name}"`);
  }

  #completeWire(from: GraphNode, fromPin: number, to: { readonly node: GraphNode; readonly pin: number }): void {
    if (this.#wires.some((wire) => wire.to === to.node.id && wire.toPin === to.pin)) return;
    this.#wires.push({ from: from.id, fromPin, to: to.node.id, toPin: to.pin, order: 0 });
    const pin = CATALOGUE[to.node.type].inputs[to.pin]?.name ?? String(to.pin);
    this.#say(to.node, "wire-added", `nothing was connected to its ${pin}: connected to "${from.name}"`);
  }

  /** The node of a role, where there is exactly one. */
  #sole(role: "data" | "loss" | "optimizer"): GraphNode | undefined {
    const holders = this.#nodes.filter((node) => CATALOGUE[node.type].role === role);
    return holders.length === 1 ? holders[0] : undefined;
  }

  /** A new node below another; its id is that node's with a suffix, which no id made of a type and a number has. */
  #beside(node: GraphNode, type: LayerType, suffix: string): GraphNode {
    const added = { id: `${node.id}-${suffix}`, type, name: `${node.name.slice(0, 180)} ${suffix}`, params: {} };
    if (!node.position) return added;
    const [x, y] = node.position;
    return { ...added, position: [x, y + ROW_HEIGHT] };
  }

  #say(node: GraphNode, code: AssumptionCode, message: string): void {
    this.#assumptions.push({ code, nodeName: node.name, nodeId: node.id, message });
  }
}

/**
 * Whether the drawing shows the activation already.
 *
 * ReLU twice is ReLU. Where the file does not say what the layer applies, an activation or a BatchNorm behind it shows
 * that the person chose it.
 */
function isRepeated(activation: LayerType | "unset", consumers: readonly LayerType[]): boolean {
  if (consumers.length === 0) return false;
  if (activation === "unset") return consumers.every((type) => ACTIVATION_TYPES.has(type) || type === "BatchNorm");
  return activation === "ReLU" && consumers.every((type) => type === "ReLU");
}
