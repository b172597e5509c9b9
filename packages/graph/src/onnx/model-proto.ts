/**
 * The part of ONNX's `ModelProto` that the compiler writes, as plain data, and its encoding.
 *
 * Field numbers are those of onnx.proto3 (IR version 8, which goes with opset 18). Tensors are raw little-endian bytes.
 */
import { ProtobufWriter } from "./protobuf-writer.ts";

export type ElementType = "float32" | "int64" | "bool";

/** `TensorProto.DataType`. */
const DATA_TYPE: Readonly<Record<ElementType, number>> = { float32: 1, int64: 7, bool: 9 };

export type Attribute =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly ints: readonly number[] }
  | { readonly string: string }
  | { readonly graph: GraphProto };

export interface NodeProto {
  readonly op: string;
  /** Absent for ONNX's own operators. */
  readonly domain?: string;
  /** Value names; "" stands for an optional input that is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

export interface TensorProto {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  /** Little-endian elements. */
  readonly data: Uint8Array;
}

/** A named graph input or output; a word instead of an extent is an axis that may have any size. */
export interface ValueInfo {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly (number | string)[];
}

export interface GraphProto {
  readonly name: string;
  readonly nodes: readonly NodeProto[];
  readonly initializers: readonly TensorProto[];
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
}

export interface ModelProto {
  readonly producer: { readonly name: string; readonly version: string };
  readonly graph: GraphProto;
  readonly metadata: Readonly<Record<string, string>>;
}

const IR_VERSION = 8;
const ONNX_OPSET = 18;
const VENDOR_OPSET = 1;

const ATTRIBUTE_TYPE = { float: 1, int: 2, string: 3, graph: 5, ints: 7 } as const;

/**
 * The bytes of an .onnx file.
 *
 * Names an operator domain only where a node uses it, so that a forward graph imports nothing but ONNX. Pure.
 */
export function encodeModel(model: ModelProto): Uint8Array {
  const writer = new ProtobufWriter();
  writer.int(1, IR_VERSION);
  writer.string(2, model.producer.name);
  writer.string(3, model.producer.version);
  writer.message(7, (graph) => writeGraph(graph, model.graph));
  writer.message(8, (opset) => {
    opset.string(1, "");
    opset.int(2, ONNX_OPSET);
  });
  for (const domain of [...usedDomains(model.graph)].toSorted()) {
    writer.message(8, (opset) => {
      opset.string(1, domain);
      opset.int(2, VENDOR_OPSET);
    });
  }
  for (const [key, value] of Object.entries(model.metadata)) {
    writer.message(14, (entry) => {
      entry.string(1, key);
      entry.string(2, value);
    });
  }
  return writer.finish();
}

function usedDomains(graph: GraphProto): Set<string> {
  const domains = new Set<string>();
  for (const node of graph.nodes) {
    if (node.domain !== undefined) domains.add(node.domain);
    for (const attribute of Object.values(node.attributes)) {
      if ("graph" in attribute) for (const domain of usedDomains(attribute.graph)) domains.add(domain);
    }
  }
  return domains;
}

function writeGraph(writer: ProtobufWriter, graph: GraphProto): void {
  for (const [index, node] of graph.nodes.entries()) {
    writer.message(1, (inner) => writeNode(inner, node, `${node.op}_${index}`));
  }
  writer.string(2, graph.name);
  for (const tensor of graph.initializers) writer.message(5, (inner) => writeTensor(inner, tensor));
  for (const input of graph.inputs) writer.message(11, (inner) => writeValueInfo(inner, input));
  for (const output of graph.outputs) writer.message(12, (inner) => writeValueInfo(inner, output));
}

function writeNode(writer: ProtobufWriter, node: NodeProto, name: string): void {
  for (const input of node.inputs) writer.string(1, input);
  for (const output of node.outputs) writer.string(2, output);
  writer.string(3, name);
  writer.string(4, node.op);
  for (const [key, attribute] of Object.entries(node.attributes)) {
    writer.message(5, (inner) => writeAttribute(inner, key, attribute));
  }
  if (node.domain !== undefined) writer.string(7, node.domain);
}

function writeAttribute(writer: ProtobufWriter, name: string, attribute: Attribute): void {
  writer.string(1, name);
  if ("int" in attribute) {
    writer.int(3, attribute.int);
    writer.int(20, ATTRIBUTE_TYPE.int);
  } else if ("float" in attribute) {
    writer.float(2, attribute.float);
    writer.int(20, ATTRIBUTE_TYPE.float);
  } else if ("ints" in attribute) {
    for (const value of attribute.ints) writer.int(8, value);
    writer.int(20, ATTRIBUTE_TYPE.ints);
  } else if ("string" in attribute) {
    writer.string(4, attribute.string);
    writer.int(20, ATTRIBUTE_TYPE.string);
  } else {
    writer.message(6, (inner) => writeGraph(inner, attribute.graph));
    writer.int(20, ATTRIBUTE_TYPE.graph);
  }
}

function writeTensor(writer: ProtobufWriter, tensor: TensorProto): void {
  for (const extent of tensor.shape) writer.int(1, extent);
  writer.int(2, DATA_TYPE[tensor.type]);
  writer.string(8, tensor.name);
  writer.bytes(9, tensor.data);
}

function writeValueInfo(writer: ProtobufWriter, value: ValueInfo): void {
  writer.string(1, value.name);
  writer.message(2, (type) =>
    type.message(1, (tensor) => {
      tensor.int(1, DATA_TYPE[value.type]);
      tensor.message(2, (shape) => {
        for (const extent of value.shape) {
          shape.message(1, (dimension) => {
            if (typeof extent === "number") dimension.int(1, extent);
            else dimension.string(2, extent);
          });
        }
      });
    }),
  );
}
