/** Reading and writing whole tensors of safetensors files. Little-endian machines only, which is all that Node runs on. */
import { createHash } from "node:crypto";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { AppError, errorMessage } from "@cyxwiz/primitives";
import { BACKEND_ERRORS } from "../errors.ts";
import { FILE_PIECE_BYTES } from "../limits.ts";
import {
  encodeHeader,
  headerLength,
  LENGTH_BYTES,
  parseHeader,
  type SafetensorsHeader,
  type TensorPlace,
} from "./safetensors-header.ts";

/** Tensors that this package writes: bytes, 64-bit integers, 32-bit floats. */
export type TensorData = Uint8Array | BigInt64Array | Float32Array;

export interface Tensor {
  readonly shape: readonly number[];
  readonly data: TensorData;
}

export interface WrittenFile {
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** An open file: the header is read and checked, tensors are read one by one. */
export class SafetensorsFile implements AsyncDisposable {
  readonly header: SafetensorsHeader;
  readonly #file: FileHandle;
  readonly #dataStart: number;
  readonly #where: string;

  private constructor(file: FileHandle, header: SafetensorsHeader, dataStart: number, where: string) {
    this.#file = file;
    this.header = header;
    this.#dataStart = dataStart;
    this.#where = where;
  }

  /** @throws AppError `backend/safetensors-malformed`, `backend/file-unreadable`. */
  static async open(path: string): Promise<SafetensorsFile> {
    const file = await open(path, "r").catch((error: unknown) => {
      throw new AppError(
        BACKEND_ERRORS.FILE_UNREADABLE,
        { where: path, problem: errorMessage(error) },
        { cause: error },
      );
    });
    try {
      const { size } = await file.stat();
      const length = headerLength(await readAt(file, 0, Math.min(LENGTH_BYTES, size)), path);
      const dataStart = LENGTH_BYTES + length;
      if (dataStart > size) throw malformed(path, `its header claims ${length} bytes and the file has ${size}`);
      const header = parseHeader(await readAt(file, LENGTH_BYTES, length), size - dataStart, path);
      return new SafetensorsFile(file, header, dataStart, path);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /**
   * One tensor, in memory of its own.
   * @throws AppError `backend/safetensors-malformed` when it is missing or of a dtype other than U8, I64 and F32.
   */
  async read(name: string): Promise<Tensor & { readonly place: TensorPlace }> {
    const place = this.header.tensors.get(name);
    if (!place) throw malformed(this.#where, `it has no tensor "${name}"`);
    const bytes = await readAt(this.#file, this.#dataStart + place.begin, place.end - place.begin);
    return { place, shape: place.shape, data: viewOf(bytes, place, name, this.#where) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}

/**
 * Writes a whole file, or none: to a temporary name, flushed, then renamed.
 *
 * The bytes are those of `safetensorsParts`.
 */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>>,
): Promise<WrittenFile> {
  return writeFlushed(path, safetensorsParts(tensors, metadata));
}

/**
 * The bytes of a file, in order, sharing memory with the tensors.
 *
 * They depend only on names, shapes, data and metadata (given order aside): wide elements first, then by name.
 */
export function safetensorsParts(
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>>,
): readonly Uint8Array[] {
  const sorted = [...tensors].toSorted(
    ([a, x], [b, y]) => y.data.BYTES_PER_ELEMENT - x.data.BYTES_PER_ELEMENT || (a < b ? -1 : 1),
  );
  const places = new Map<string, TensorPlace>();
  let end = 0;
  for (const [name, { shape, data }] of sorted) {
    const begin = end;
    end += data.byteLength;
    places.set(name, { dtype: dtypeOf(data), shape, begin, end });
  }
  return [encodeHeader({ tensors: places, metadata }), ...sorted.map(([, { data }]) => bytesOf(data))];
}

/** SHA-256 that a file of these parts would have, in lower-case hex; nothing is written. */
export function hashParts(parts: readonly Uint8Array[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}

/** Writes the parts one after the other, flushed and under its final name only when whole. */
export async function writeFlushed(path: string, parts: readonly Uint8Array[]): Promise<WrittenFile> {
  const hash = createHash("sha256");
  const temporary = `${path}.part`;
  let sizeBytes = 0;
  try {
    await using file = await open(temporary, "w");
    for (const part of parts) {
      for (let at = 0; at < part.byteLength;) {
        const piece = part.subarray(at, at + FILE_PIECE_BYTES);
        const { bytesWritten } = await file.write(piece);
        hash.update(piece.subarray(0, bytesWritten));
        at += bytesWritten;
      }
      sizeBytes += part.byteLength;
    }
    await file.sync();
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await rename(temporary, path);
  await flushFolderOf(path);
  return { sha256: hash.digest("hex"), sizeBytes };
}

/** A rename is on disk once its folder is. Windows cannot open a folder; its file system journals renames. */
async function flushFolderOf(path: string): Promise<void> {
  if (process.platform === "win32") return;
  await using folder = await open(dirname(path), "r");
  await folder.sync();
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const piece = bytes.subarray(at, at + FILE_PIECE_BYTES);
    const { bytesRead } = await file.read(piece, 0, piece.byteLength, position + at);
    if (bytesRead === 0) throw malformed("the file", `it ended at byte ${position + at} while it was read`);
    at += bytesRead;
  }
  return bytes;
}

function viewOf(bytes: Uint8Array, place: TensorPlace, name: string, where: string): TensorData {
  const count = bytes.byteLength;
  if (place.dtype === "U8") return bytes;
  if (place.dtype === "F32") return new Float32Array(bytes.buffer, 0, count / 4);
  if (place.dtype === "I64") return new BigInt64Array(bytes.buffer, 0, count / 8);
  throw malformed(where, `tensor "${name}" is ${place.dtype}; U8, I64 and F32 are read here`);
}

function dtypeOf(data: TensorData): "U8" | "I64" | "F32" {
  if (data instanceof Float32Array) return "F32";
  return data instanceof BigInt64Array ? "I64" : "U8";
}

function bytesOf(data: TensorData): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function malformed(where: string, problem: string): AppError {
  return new AppError(BACKEND_ERRORS.SAFETENSORS_MALFORMED, { where, problem });
}
