/**
 * The few fields of ONNX's protobuf messages that one product model needs.
 *
 * It is no general writer: `@cyxwiz/graph` has one for compiled graphs, behind its compiler. Field numbers are those of
 * onnx.proto3. @see protobuf.dev, "Encoding".
 */

const WIRE_VARINT = 0;
const WIRE_LENGTH = 2;
const FLOAT = 1;

/** A message: fields one after the other. */
export type Message = readonly number[];

export function integer(field: number, value: number): Message {
  return [...varint(field * 8 + WIRE_VARINT), ...varint(value)];
}

export function nested(field: number, message: Message): Message {
  return [...varint(field * 8 + WIRE_LENGTH), ...varint(message.length), ...message];
}

export function text(field: number, value: string): Message {
  return nested(field, [...new TextEncoder().encode(value)]);
}

/** `NodeProto`: one operator. */
export function operator(op: string, inputs: readonly string[], output: string): Message {
  return [...inputs.flatMap((name) => text(1, name)), ...text(2, output), ...text(4, op)];
}

/** `TensorProto` without axes: a float32 constant. */
export function scalar(name: string, value: number): Message {
  const raw = new Uint8Array(Float32Array.of(value).buffer);
  return [...integer(2, FLOAT), ...text(8, name), ...nested(9, [...raw])];
}

/** `ValueInfoProto` of a float32 tensor. */
export function tensor(name: string, shape: readonly number[]): Message {
  const axes = shape.flatMap((extent) => nested(1, integer(1, extent)));
  return [...text(1, name), ...nested(2, nested(1, [...integer(1, FLOAT), ...nested(2, axes)]))];
}

/** Base-128 digits, lowest first. */
function varint(value: number): Message {
  const digits: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) digits.push((rest % 128) + 128);
  return [...digits, rest];
}
