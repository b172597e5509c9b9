/**
 * Finds out which pins the links of an Engine file join.
 *
 * Pin positions count where the file has them. Pin ids are numbers of the run that wrote the file: only their order on
 * one node is used. Where neither says it, the kinds of the pins decide. Nodes that are left out are looked through.
 */
import { CATALOGUE } from "../layers/catalogue.ts";
import type { Assumption, AssumptionCode } from "./assumption.ts";
import type { EngineFile, EngineLink, EngineNode } from "./engine-file.ts";
import type { EngineRole, LayerRole } from "./engine-roles.ts";

/** A wire between two imported layers. `order` sorts the wires of one pin that takes many. */
export interface EngineWire {
  readonly from: string;
  readonly fromPin: number;
  readonly to: string;
  readonly toPin: number;
  readonly order: number;
}

const LABELS_PIN = 1;

export function resolveWires(
  file: EngineFile,
  roles: ReadonlyMap<number, EngineRole>,
  assumptions: Assumption[],
): EngineWire[] {
  return new WireResolver(file, roles, assumptions).resolve();
}

/** Where a link comes from once the nodes that are left out are looked through. */
interface Origin {
  readonly role: LayerRole;
  /** Data or labels of the DatasetInput, where the file says which. */
  readonly pin: number | undefined;
}

class WireResolver {
  readonly #file: EngineFile;
  readonly #roles: ReadonlyMap<number, EngineRole>;
  readonly #assumptions: Assumption[];
  readonly #nodes: ReadonlyMap<number, EngineNode>;
  readonly #firstInto = new Map<number, EngineLink>();
  readonly #dataset: LayerRole | undefined;

  constructor(file: EngineFile, roles: ReadonlyMap<number, EngineRole>, assumptions: Assumption[]) {
    this.#file = file;
    this.#roles = roles;
    this.#assumptions = assumptions;
    this.#nodes = new Map(file.nodes.map((node) => [node.number, node]));
    for (const link of file.links) if (!this.#firstInto.has(link.to.node)) this.#firstInto.set(link.to.node, link);
    const datasets = [...roles.values()]
      .filter((role) => role.kind === "layer")
      .filter((role) => role.type === "DatasetInput");
    this.#dataset = datasets.length === 1 ? datasets[0] : undefined;
  }

  resolve(): EngineWire[] {
    const wires: EngineWire[] = [];
    for (const link of this.#file.links) {
      const target = this.#roles.get(link.to.node);
      if (target?.kind === "look-through") continue;
      const wire = target ? this.#wire(link, target) : this.#dropBroken(link);
      if (wire) wires.push(wire);
    }
    return wires;
  }

  #wire(link: EngineLink, target: LayerRole): EngineWire | undefined {
    const origin = this.#trace(link);
    if (!origin) return undefined;
    const { inputs } = CATALOGUE[target.type];
    const { role, outputs } = CATALOGUE[origin.role.type];
    const toPin = inputs.length < 2 ? 0 : this.#lossPin(link, origin);
    const isLabels = inputs[toPin]?.kind === "labels";
    const fromPin = outputs.length === 1 ? 0 : (origin.pin ?? (isLabels ? LABELS_PIN : 0));
    if (role === "optimizer" || !inputs[toPin] || !outputs[fromPin]) {
      const message = `a wire from "${origin.role.id}" to "${target.id}" has no meaning here: left out`;
      this.#say(this.#nodes.get(link.to.node), "wire-dropped", message);
      return undefined;
    }
    const order = link.to.pinIndex ?? link.to.pinId;
    return { from: origin.role.id, fromPin, to: target.id, toPin, order };
  }

  /** Predictions or Targets: by position, else by whether the dataset is behind the wire. */
  #lossPin(link: EngineLink, origin: Origin): number {
    if (link.to.pinIndex !== undefined) return link.to.pinIndex;
    const toPin = origin.role.type === "DatasetInput" ? LABELS_PIN : 0;
    const message = `a wire without pin positions, from "${origin.role.id}", read as its ${toPin === LABELS_PIN ? "Targets" : "Predictions"}`;
    this.#say(this.#nodes.get(link.to.node), "pins-guessed", message);
    return toPin;
  }

  #trace(link: EngineLink): Origin | undefined {
    let at = link.from;
    let pin: number | undefined;
    const seen = new Set<number>();
    for (;;) {
      const role = this.#roles.get(at.node);
      if (role?.kind === "layer") return { role, pin: pin ?? at.pinIndex };
      const node = this.#nodes.get(at.node);
      // Nodes that are looked through can also run in a circle, and then nothing is behind them.
      if (!role || !node || seen.has(at.node)) return this.#dropBroken(link);
      seen.add(at.node);
      if (node.type === "OneHotEncode") pin ??= LABELS_PIN;
      if (node.type === "DataLoader" || node.type === "DataSplit") {
        // Train, validation and test follow each other as data, labels: only the training part feeds the network.
        if (at.pinIndex !== undefined && at.pinIndex > LABELS_PIN) {
          this.#say(
            node,
            "wire-dropped",
            "a wire from its validation or test part is left out: the run measures those itself",
          );
          return undefined;
        }
        pin ??= at.pinIndex;
      }
      const up = this.#firstInto.get(at.node);
      if (!up) return this.#fromDataset(node, pin);
      at = up.from;
    }
  }

  /** A data node that nothing feeds can only mean the dataset, where there is one. */
  #fromDataset(node: EngineNode, pin: number | undefined): Origin | undefined {
    if (!this.#dataset) {
      this.#say(node, "wire-dropped", "nothing feeds it, so its wires are left out");
      return undefined;
    }
    this.#say(node, "wire-added", `nothing feeds it: read as fed by "${this.#dataset.id}"`);
    return { role: this.#dataset, pin };
  }

  #dropBroken(link: EngineLink): undefined {
    const known = this.#nodes.get(link.to.node) ?? this.#nodes.get(link.from.node);
    const message = `a wire from node ${link.from.node} to node ${link.to.node} has an end that leads nowhere: left out`;
    this.#say(known, "wire-dropped", message);
  }

  #say(node: EngineNode | undefined, code: AssumptionCode, message: string): void {
    const role = node && this.#roles.get(node.number);
    const nodeId = role?.kind === "layer" ? role.id : null;
    this.#assumptions.push({ code, nodeName: node?.name ?? "", nodeId, message });
  }
}
