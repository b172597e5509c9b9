/**
 * Builds one ONNX graph, node by node, and remembers how to go back through it.
 *
 * The families beside this file (`elementwise.ts`, `matrix.ts`, …) are functions of an emitter: they add nodes and
 * record on the tape how a gradient of their output becomes gradients of their inputs (`autodiff.ts` walks it). The same
 * node on the same values is emitted once, equal constants are one initializer, and what no output needs is not written.
 * Shapes are static here; a graph whose batch axis is free is emitted with a batch of 1 and only its declared inputs and
 * outputs name the axis (so no operation may write the batch size into a constant: see `reshape`).
 */
import { assert, defined } from "@cyxwiz/primitives";
import type { Attribute, ElementType, GraphProto, NodeProto, TensorProto, ValueInfo } from "./model-proto.ts";
import { keepNeeded } from "./dead-code.ts";
import { float32Bytes, int64Bytes } from "./tensor-data.ts";

export type { ElementType } from "./model-proto.ts";

/** A tensor inside the graph. Activations carry the batch axis first. */
export interface Value {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: ElementType;
}

/** How one differentiable operation passes gradients back. */
export interface TapeEntry {
  readonly output: Value;
  readonly inputs: readonly Value[];
  /** Gradients of the inputs, in order; undefined where `needs` says that nobody asks. */
  backward(gradient: Value, needs: (input: Value) => boolean): readonly (Value | undefined)[];
}

export interface NodeDescription {
  readonly op: string;
  readonly domain?: string;
  readonly inputs: readonly (Value | undefined)[];
  readonly attributes?: Readonly<Record<string, Attribute>>;
  readonly outputs: readonly { readonly shape: readonly number[]; readonly type?: ElementType }[];
}

/** Contrib operators of ONNX Runtime; only training graphs may use them. */
export const VENDOR_DOMAIN = "com.microsoft";

export class Emitter {
  readonly #prefix: string;
  readonly #nodes: NodeProto[] = [];
  readonly #emitted = new Map<string, readonly Value[]>();
  readonly #constants = new Map<string, Value>();
  readonly #initializers: TensorProto[] = [];
  readonly #tape = new Map<string, TapeEntry>();
  readonly #producers = new Map<string, { readonly op: string; readonly inputs: readonly Value[] }>();
  #count = 0;

  /** `prefix` keeps the names of a loop body apart from those of the graph around it. */
  constructor(prefix = "") {
    this.#prefix = prefix;
  }

  /** Adds a node with several outputs, or finds the same one. */
  node(description: NodeDescription): readonly Value[] {
    const { op, domain, attributes = {} } = description;
    const inputs = description.inputs.map((input) => input?.name ?? "");
    const key = JSON.stringify([op, domain, inputs, attributes, description.outputs]);
    const known = this.#emitted.get(key);
    if (known) return known;
    const outputs = description.outputs.map(({ shape, type = "float32" }) => ({ name: this.#fresh(op), shape, type }));
    this.#nodes.push({
      op,
      ...(domain === undefined ? {} : { domain }),
      inputs,
      outputs: outputs.map((output) => output.name),
      attributes,
    });
    this.#emitted.set(key, outputs);
    const producer = { op, inputs: description.inputs.filter((input) => input !== undefined) };
    for (const output of outputs) this.#producers.set(output.name, producer);
    return outputs;
  }

  /** Adds a node with one output. */
  op(
    op: string,
    inputs: readonly (Value | undefined)[],
    shape: readonly number[],
    attributes: Readonly<Record<string, Attribute>> = {},
    type: ElementType = "float32",
  ): Value {
    return defined(this.node({ op, inputs, attributes, outputs: [{ shape, type }] })[0], `the output of ${op}`);
  }

  /** The value's operator and inputs; undefined for inputs and constants. */
  producerOf(value: Value): { readonly op: string; readonly inputs: readonly Value[] } | undefined {
    return this.#producers.get(value.name);
  }

  /** A float32 constant. */
  floats(shape: readonly number[], values: readonly number[]): Value {
    return this.#constant("float32", shape, values);
  }

  scalar(value: number): Value {
    return this.floats([], [value]);
  }

  /** An int64 constant of one axis: shapes, axes, starts and ends. */
  integers(values: readonly number[]): Value {
    return this.#constant("int64", [values.length], values);
  }

  integer(value: number): Value {
    return this.#constant("int64", [], [value]);
  }

  /** Puts an operation on the tape. */
  record(entry: TapeEntry): Value {
    // A node that was found instead of added is on the tape already; a second entry would count its gradient twice.
    if (!this.#tape.has(entry.output.name)) this.#tape.set(entry.output.name, entry);
    return entry.output;
  }

  get tape(): readonly TapeEntry[] {
    return [...this.#tape.values()];
  }

  /**
   * The finished graph, without what no output needs.
   *
   * A value becomes the output of its name by renaming; one that cannot be renamed (an input, or one value under two
   * names) is copied by an Identity.
   */
  finish(options: {
    readonly name: string;
    readonly inputs: readonly ValueInfo[];
    readonly outputs: readonly { readonly value: Value; readonly info: ValueInfo }[];
    readonly weights?: readonly TensorProto[];
  }): GraphProto {
    const renamed = new Map<string, string>();
    const copies: NodeProto[] = [];
    for (const { value, info } of options.outputs) {
      if (this.#producers.has(value.name) && !renamed.has(value.name)) renamed.set(value.name, info.name);
      else copies.push({ op: "Identity", inputs: [value.name], outputs: [info.name], attributes: {} });
    }
    const rename = (name: string): string => renamed.get(name) ?? name;
    const nodes = [...this.#nodes, ...copies].map((node) => renameValues(node, rename));
    const outputs = options.outputs.map(({ info }) => info);
    const needed = keepNeeded(nodes, [...this.#initializers, ...(options.weights ?? [])], outputs);
    return { name: options.name, inputs: options.inputs, outputs, ...needed };
  }

  #constant(type: "float32" | "int64", shape: readonly number[], values: readonly number[]): Value {
    const key = `${type}|${shape.join(",")}|${values.join(",")}`;
    const known = this.#constants.get(key);
    if (known) return known;
    assert(
      values.length === shape.reduce((product, extent) => product * extent, 1),
      `a constant of shape [${shape.join(", ")}] has as many values`,
    );
    const constant = { name: this.#fresh("const"), shape, type };
    this.#initializers.push({ ...constant, data: type === "float32" ? float32Bytes(values) : int64Bytes(values) });
    this.#constants.set(key, constant);
    return constant;
  }

  #fresh(kind: string): string {
    return `${this.#prefix}${kind}_${this.#count++}`;
  }
}

function renameValues(node: NodeProto, rename: (name: string) => string): NodeProto {
  return { ...node, inputs: node.inputs.map(rename), outputs: node.outputs.map(rename) };
}
