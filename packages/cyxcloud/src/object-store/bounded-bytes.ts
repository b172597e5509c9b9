import { AppError } from "@cyxwiz/primitives";
import { CYXCLOUD_ERRORS } from "../errors.ts";
import type { ByteRange } from "./object-store.ts";

/** The bytes to read: the whole object without a range. @throws AppError `cyxcloud/range-invalid`. */
export function checkedRange(range: ByteRange | undefined, sizeBytes: number): ByteRange {
  const { start, end } = range ?? { start: 0, end: sizeBytes };
  const fits =
    Number.isSafeInteger(start) && Number.isSafeInteger(end) && start >= 0 && start <= end && end <= sizeBytes;
  if (!fits) throw new AppError(CYXCLOUD_ERRORS.RANGE_INVALID, { start, end, sizeBytes });
  return { start, end };
}

/** Passes a stream on until it is over `maxBytes` or aborted. @throws AppError `cyxcloud/object-too-large`. */
export async function* bounded(
  bytes: AsyncIterable<Uint8Array>,
  options: { readonly maxBytes: number; readonly signal?: AbortSignal },
): AsyncGenerator<Uint8Array> {
  let total = 0;
  options.signal?.throwIfAborted();
  for await (const piece of bytes) {
    options.signal?.throwIfAborted();
    total += piece.byteLength;
    if (total > options.maxBytes) throw new AppError(CYXCLOUD_ERRORS.OBJECT_TOO_LARGE, { maxBytes: options.maxBytes });
    yield piece;
  }
}
