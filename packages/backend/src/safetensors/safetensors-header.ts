/**
 * The header of a safetensors file: which tensor lies where.
 *
 * A file is an 8-byte little-endian length, that many bytes of JSON, then the tensors without a gap. This reader is as
 * strict as the reference: no overlap, no hole, nothing after the last tensor, sizes that match the extents.
 * @see https://github.com/huggingface/safetensors, "Format".
 */
import { AppError } from "@cyxwiz/primitives";
import { BACKEND_ERRORS } from "../errors.ts";
import { SAFETENSORS_HEADER_BYTES, SAFETENSORS_TENSORS, TENSOR_RANK } from "../limits.ts";

/** Bytes of one element. */
const DTYPE_BYTES = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  U16: 2,
  I16: 2,
  F16: 2,
  BF16: 2,
  U32: 4,
  I32: 4,
  F32: 4,
  U64: 8,
  I64: 8,
  F64: 8,
} as const;
export type Dtype = keyof typeof DTYPE_BYTES;

/** `begin` and `end` are byte offsets into the data, which starts after the header. */
export interface TensorPlace {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  readonly tensors: ReadonlyMap<string, TensorPlace>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Bytes before the JSON. */
export const LENGTH_BYTES = 8;

/**
 * Length of the JSON, from the first 8 bytes of the file.
 * @throws AppError `backend/safetensors-malformed`.
 */
export function headerLength(prefix: Uint8Array, where: string): number {
  if (prefix.byteLength < LENGTH_BYTES) throw malformed(where, "it is shorter than 8 bytes");
  const length = new DataView(prefix.buffer, prefix.byteOffset, LENGTH_BYTES).getBigUint64(0, true);
  if (length > SAFETENSORS_HEADER_BYTES) {
    throw malformed(where, `its header claims ${length} bytes; at most ${SAFETENSORS_HEADER_BYTES} are allowed`);
  }
  return Number(length);
}

/**
 * Reads the JSON and checks every tensor against the others and the size of the data.
 * @throws AppError `backend/safetensors-malformed`, which names the tensor.
 */
export function parseHeader(json: Uint8Array, dataBytes: number, where: string): SafetensorsHeader {
  const root = parseObject(json, where);
  const metadata = readMetadata(root["__metadata__"], where);
  const entries = Object.entries(root).filter(([name]) => name !== "__metadata__");
  if (entries.length > SAFETENSORS_TENSORS)
    throw malformed(where, `it has ${entries.length} tensors, over ${SAFETENSORS_TENSORS}`);
  const places = entries.map(([name, value]) => [name, readPlace(name, value, where)] as const);
  let end = 0;
  for (const [name, place] of places.toSorted(([, a], [, b]) => a.begin - b.begin || a.end - b.end)) {
    if (place.begin !== end)
      throw malformed(
        where,
        `tensor "${name}" starts at ${place.begin}, expected ${end}: no gap or overlap is allowed`,
      );
    end = place.end;
  }
  if (end !== dataBytes) throw malformed(where, `its tensors end at byte ${end} of ${dataBytes}`);
  return { tensors: new Map(places), metadata };
}

/** The header's bytes, with its length before it and spaces behind it so that the data starts at a multiple of 8. */
export function encodeHeader(header: SafetensorsHeader): Uint8Array {
  const root = Object.assign(Object.create(null) as Record<string, unknown>, { __metadata__: header.metadata });
  for (const [name, { dtype, shape, begin, end }] of header.tensors)
    root[name] = { dtype, shape, data_offsets: [begin, end] };
  const json = Buffer.from(JSON.stringify(root));
  const padded = Math.ceil(json.byteLength / LENGTH_BYTES) * LENGTH_BYTES;
  const bytes = Buffer.alloc(LENGTH_BYTES + padded, " ");
  bytes.writeBigUInt64LE(BigInt(padded));
  json.copy(bytes, LENGTH_BYTES);
  return bytes;
}

function parseObject(json: Uint8Array, where: string): Record<string, unknown> {
  let root: unknown;
  try {
    root = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(json));
  } catch (error) {
    throw malformed(where, "its header is not JSON", error);
  }
  if (!isObject(root)) throw malformed(where, "its header is not a JSON object");
  return root;
}

function readMetadata(value: unknown, where: string): Readonly<Record<string, string>> {
  if (value === undefined) return {};
  if (!isObject(value)) throw malformed(where, "__metadata__ is not an object");
  const metadata: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== "string") throw malformed(where, `__metadata__ entry "${key}" is not a string`);
    metadata[key] = text;
  }
  return metadata;
}

function readPlace(name: string, value: unknown, where: string): TensorPlace {
  if (!isObject(value)) throw malformed(where, `tensor "${name}" is not an object`);
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== "string" || !Object.hasOwn(DTYPE_BYTES, dtype)) {
    throw malformed(where, `tensor "${name}" has an unknown dtype`);
  }
  if (!isExtents(shape) || shape.length > TENSOR_RANK) throw malformed(where, `tensor "${name}" has no valid shape`);
  if (!isExtents(offsets) || offsets.length !== 2) throw malformed(where, `tensor "${name}" has no valid data_offsets`);
  const [begin, end] = offsets as [number, number];
  const size = shape.reduce((product, extent) => product * extent, DTYPE_BYTES[dtype as Dtype]);
  if (!Number.isSafeInteger(size) || end - begin !== size) {
    throw malformed(where, `tensor "${name}" takes ${end - begin} bytes where its shape needs ${size}`);
  }
  return { dtype: dtype as Dtype, shape, begin, end };
}

function isExtents(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((extent) => Number.isSafeInteger(extent) && extent >= 0);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function malformed(where: string, problem: string, cause?: unknown): AppError {
  return new AppError(BACKEND_ERRORS.SAFETENSORS_MALFORMED, { where, problem }, { cause });
}
