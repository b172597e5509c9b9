/**
 * Times on the wire. We send unix seconds; deployed C++ nodes also send nanoseconds in the same fields, so a received
 * time is read by its magnitude. Every reading below holds for the years 1973 to 5138, which no two units share.
 */

const LARGEST_SECONDS = 10n ** 11n;
const LARGEST_MILLISECONDS = 10n ** 14n;
const LARGEST_MICROSECONDS = 10n ** 17n;

/** Unix milliseconds of a received time in seconds, milliseconds, microseconds or nanoseconds; undefined for 0 or less, "not set". */
export function fromWireTime(value: bigint): number | undefined {
  if (value <= 0n) return undefined;
  if (value < LARGEST_SECONDS) return Number(value) * 1_000;
  if (value < LARGEST_MILLISECONDS) return Number(value);
  if (value < LARGEST_MICROSECONDS) return Number(value / 1_000n);
  return Number(value / 1_000_000n);
}

/** Unix seconds, rounded down, of unix milliseconds; 0 for undefined. */
export function toWireTime(unixMs: number | undefined): bigint {
  return unixMs === undefined ? 0n : BigInt(Math.floor(unixMs / 1_000));
}
