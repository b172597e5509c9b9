/**
 * Writes protobuf wire format: the four field kinds that ONNX uses.
 *
 * A writer keeps a list of pieces and joins them once at the end, so that the megabytes of an exported model's weights
 * are copied one time, however deep their message lies. It does not read, and knows no schema.
 * @see protobuf.dev, "Encoding".
 */
import { assert } from "@cyxwiz/primitives";

const WIRE_VARINT = 0;
const WIRE_LENGTH = 2;
const WIRE_FIXED32 = 5;
const REPLACEMENT = 0xfffd;

export class ProtobufWriter {
  readonly #pieces: Uint8Array[] = [];
  #sizeBytes = 0;

  /** An integer field; negative numbers take ten bytes, as the format asks. */
  int(field: number, value: number): void {
    this.#tag(field, WIRE_VARINT);
    this.#append(varint(value));
  }

  float(field: number, value: number): void {
    this.#tag(field, WIRE_FIXED32);
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    this.#append(bytes);
  }

  bytes(field: number, value: Uint8Array): void {
    this.#tag(field, WIRE_LENGTH);
    this.#append(varint(value.length));
    this.#append(value);
  }

  string(field: number, value: string): void {
    this.bytes(field, utf8(value));
  }

  /** A nested message, filled by `write`. */
  message(field: number, write: (writer: ProtobufWriter) => void): void {
    const inner = new ProtobufWriter();
    write(inner);
    this.#tag(field, WIRE_LENGTH);
    this.#append(varint(inner.#sizeBytes));
    for (const piece of inner.#pieces) this.#append(piece);
  }

  finish(): Uint8Array {
    const joined = new Uint8Array(this.#sizeBytes);
    let offset = 0;
    for (const piece of this.#pieces) {
      joined.set(piece, offset);
      offset += piece.length;
    }
    return joined;
  }

  #tag(field: number, wire: number): void {
    this.#append(varint(field * 8 + wire));
  }

  #append(piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.#sizeBytes += piece.length;
  }
}

/** Base-128 digits, lowest first, the high bit on all but the last. */
function varint(value: number): Uint8Array {
  assert(Number.isSafeInteger(value), `${value} is an integer that a varint can hold`);
  const digits: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest >= 128n) {
    digits.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  digits.push(Number(rest));
  return Uint8Array.from(digits);
}

/** UTF-8 by hand: the language's own library has no encoder, and pure packages see nothing else. */
function utf8(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of text) {
    const read = character.codePointAt(0) ?? REPLACEMENT;
    const point = read >= 0xd800 && read <= 0xdfff ? REPLACEMENT : read;
    if (point < 0x80) bytes.push(point);
    else if (point < 0x800) bytes.push(0xc0 | (point >> 6), 0x80 | (point & 63));
    else if (point < 0x10000) bytes.push(0xe0 | (point >> 12), 0x80 | ((point >> 6) & 63), 0x80 | (point & 63));
    else {
      bytes.push(0xf0 | (point >> 18), 0x80 | ((point >> 12) & 63), 0x80 | ((point >> 6) & 63), 0x80 | (point & 63));
    }
  }
  return Uint8Array.from(bytes);
}
