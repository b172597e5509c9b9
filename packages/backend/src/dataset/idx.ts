/**
 * IDX files of bytes, plain or gzipped: the format of MNIST, Fashion-MNIST and EMNIST.
 *
 * Two zero bytes, the type (8 = unsigned byte), the number of extents, the extents as big-endian 32-bit integers, the
 * bytes. @see http://yann.lecun.com/exdb/mnist, "File formats".
 */
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { AppError, errorMessage } from "@cyxwiz/primitives";
import { BACKEND_ERRORS } from "../errors.ts";
import { IDX_BYTES } from "../limits.ts";
import { elements, type Samples, type SampleTable } from "./samples.ts";
import { readSourceFile } from "./source-file.ts";

const unzip = promisify(gunzip);
const UNSIGNED_BYTE = 8;

interface IdxArray {
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** Parses one file, unpacked or not. @throws AppError `backend/idx-malformed`. */
export async function parseIdx(bytes: Uint8Array, where: string): Promise<IdxArray> {
  const isZipped = bytes[0] === 0x1f && bytes[1] === 0x8b;
  const plain = isZipped ? await unzipped(bytes, where) : bytes;
  if (plain.byteLength < 4 || plain[0] !== 0 || plain[1] !== 0)
    throw malformed(where, "it does not start with two zero bytes");
  if (plain[2] !== UNSIGNED_BYTE) throw malformed(where, `its values are of type ${plain[2]}; only bytes (8) are read`);
  const rank = plain[3] as number;
  const start = 4 + 4 * rank;
  if (rank === 0 || plain.byteLength < start) throw malformed(where, "its header is cut off");
  const view = new DataView(plain.buffer, plain.byteOffset);
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  if (plain.byteLength - start !== elements(shape)) {
    throw malformed(
      where,
      `${plain.byteLength - start} bytes follow its header, [${shape.join(", ")}] needs ${elements(shape)}`,
    );
  }
  return { shape, data: plain.subarray(start) };
}

/**
 * Images with their labels. Shapes: images [N, H, W] become samples [1, H, W]; other ranks stay as they are.
 * @throws AppError `backend/idx-malformed`, `backend/file-unreadable`, `backend/dataset-too-large`.
 */
export async function readIdxPair(imagesPath: string, labelsPath: string): Promise<SampleTable> {
  const images = await parseIdx(await readSourceFile(imagesPath, IDX_BYTES), imagesPath);
  const labels = await parseIdx(await readSourceFile(labelsPath, IDX_BYTES), labelsPath);
  const count = images.shape[0] ?? 0;
  if (images.shape.length < 2) throw malformed(imagesPath, "images need at least two extents");
  if (labels.shape.length !== 1 || labels.shape[0] !== count || count === 0) {
    throw malformed(labelsPath, `its shape is [${labels.shape.join(", ")}], ${count} images need [${count}]`);
  }
  const samples: Samples = { count, x: images.data, y: BigInt64Array.from(labels.data, BigInt) };
  const classes = Math.max(2, labels.data.reduce((most, label) => Math.max(most, label), 0) + 1);
  return {
    samples,
    sampleShape: images.shape.length === 3 ? [1, ...images.shape.slice(1)] : images.shape.slice(1),
    classNames: Array.from({ length: classes }, (_, label) => String(label)),
    targetShape: [],
    scaling: { scale: 1 / 255, offset: 0 },
  };
}

async function unzipped(bytes: Uint8Array, where: string): Promise<Uint8Array> {
  try {
    return await unzip(bytes, { maxOutputLength: IDX_BYTES });
  } catch (error) {
    throw malformed(where, `it cannot be unpacked to at most ${IDX_BYTES} bytes (${errorMessage(error)})`, error);
  }
}

function malformed(where: string, problem: string, cause?: unknown): AppError {
  return new AppError(BACKEND_ERRORS.IDX_MALFORMED, { where, problem }, { cause });
}
