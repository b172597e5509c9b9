/**
 * What the catalogue knows of one layer type: parameters, pins, shape rule, cost, lowering, documentation.
 *
 * One file per layer in `layers/`. Shapes inside carry no batch axis unless they say so: [C, H, W] or [features].
 */
import type { ParamValue } from "../model/graph.ts";
import type { LayerType } from "../model/layer-type.ts";
import type { Emitter, Value } from "../onnx/emitter.ts";

/** Extents of one sample, without the batch axis. */
export type Shape = readonly number[];

export type PinKind = "tensor" | "labels" | "loss" | "optimizer";

export interface PinDefinition {
  readonly name: string;
  readonly kind: PinKind;
  /** Takes any number of wires (Add, Concatenate). */
  readonly many?: true;
}

/** Parameter table entry; `help` is one sentence for the panel and the documentation. */
export type ParamDefinition = { readonly help: string; readonly aliases?: readonly string[] } & (
  | {
      readonly kind: "integer";
      readonly default: number;
      readonly min: number;
      readonly max: number;
    }
  | {
      readonly kind: "number";
      readonly default: number;
      readonly min: number;
      readonly max: number;
    }
  | { readonly kind: "boolean"; readonly default: boolean }
  | { readonly kind: "choice"; readonly default: string; readonly choices: readonly string[] }
  /** One of the words, or a whole number (padding: "same", "valid" or 1). */
  | {
      readonly kind: "choice-or-integer";
      readonly default: string | number;
      readonly choices: readonly string[];
      readonly min: number;
      readonly max: number;
    }
  | { readonly kind: "text"; readonly default: string; readonly maxLength: number }
);

/** Parameters of one node: every one of the table, checked, defaults filled in. */
export type Params = Readonly<Record<string, ParamValue>>;

/** A refusal of a shape rule: what came, what was expected, what to do. */
export interface ShapeProblem {
  readonly kind: "problem";
  readonly message: string;
  readonly fix: string;
}

export type ShapeResult = { readonly kind: "shape"; readonly shape: Shape } | ShapeProblem;

/** Cost of one sample through the layer, forward and backward apart. */
export interface LayerCost {
  readonly forwardFlops: number;
  readonly backwardFlops: number;
  /** Bytes of activations that the backward pass needs again. */
  readonly activationBytes: number;
}

/** How a trainable or running tensor starts. `fan-in-uniform` is U(−1/√fanIn, 1/√fanIn), PyTorch's default for Dense and Conv. */
export type Initializer =
  | { readonly kind: "zeros" }
  | { readonly kind: "ones" }
  | { readonly kind: "fan-in-uniform"; readonly fanIn: number };

export interface ParameterSpec {
  /** `<node id>.weight`, `<node id>.bias`, `<node id>.running_mean`…: PyTorch's own suffixes. */
  readonly name: string;
  readonly shape: Shape;
  readonly init: Initializer;
  /** A statistic is carried from step to step but has no gradient (batch norm's running mean). */
  readonly role: "weight" | "statistic";
}

/** What a layer may use while it emits its part of the graph. */
export interface LoweringContext {
  readonly emit: Emitter;
  readonly mode: "train" | "infer";
  readonly batch: number;
  readonly nodeId: string;
  readonly params: Params;
  /** The value of this layer's own parameter, by its suffix ("weight"). */
  parameter(suffix: string): Value;
  /** In train mode: the new value of a statistic after this step. */
  updateStatistic(suffix: string, value: Value): void;
  /** In train mode: a dropout mask [batch, ...shape] of 0 and 1/(1−rate), fed by the driver. */
  dropoutMask(shape: Shape, rate: number): Value;
}

export interface LayerDefinition {
  readonly type: LayerType;
  /** The number in existing Engine files. */
  readonly engineNumber: number;
  readonly role: "data" | "layer" | "output" | "loss" | "optimizer";
  /** One sentence for palettes and lists. */
  readonly summary: string;
  /** What it does, its formula and its shapes, in a few sentences: the panel's help and the reference page. */
  readonly documentation: string;
  readonly inputs: readonly PinDefinition[];
  readonly outputs: readonly PinDefinition[];
  readonly params: Readonly<Record<string, ParamDefinition>>;
  /**
   * The output's shape from the shapes on the tensor pins, in pin order (labels, loss and optimizer pins carry none).
   * A data node has no tensor input: it is given the dataset's sample shape. Loss and optimizer nodes answer [].
   */
  infer(inputs: readonly Shape[], params: Params): ShapeResult;
  parameters(nodeId: string, inputs: readonly Shape[], params: Params): readonly ParameterSpec[];
  cost(inputs: readonly Shape[], output: Shape, params: Params): LayerCost;
  /**
   * Emits the layer; values carry the batch axis first. The operations of `onnx/` record their own gradients, so one
   * lowering serves both directions. Absent for data, loss and optimizer nodes, which `compile/` handles.
   */
  lower?(inputs: readonly Value[], context: LoweringContext): Value;
}
