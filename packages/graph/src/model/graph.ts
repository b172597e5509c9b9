/**
 * The graph that a person draws: layers, the wires between them, and nothing about how or where it runs.
 *
 * Immutable data. A graph may be wrong (a person is still drawing it); `checkGraph` says what is wrong and how to mend it.
 */
import type { LayerType } from "./layer-type.ts";

export type ParamValue = number | string | boolean;

export interface GraphNode {
  /** Unique in its graph; letters, digits, `-` and `_`, 1 to 64 of them. */
  readonly id: string;
  readonly type: LayerType;
  /** What the person calls it; free text, shown in every message about the node. */
  readonly name: string;
  /** Only what differs from the catalogue's defaults. */
  readonly params: Readonly<Record<string, ParamValue>>;
  readonly position?: readonly [x: number, y: number];
}

/** Pins are counted from 0 in the order of the catalogue. */
export interface GraphLink {
  readonly from: { readonly node: string; readonly pin: number };
  readonly to: { readonly node: string; readonly pin: number };
}

export interface Graph {
  readonly name: string;
  readonly description?: string;
  readonly nodes: readonly GraphNode[];
  readonly links: readonly GraphLink[];
}
