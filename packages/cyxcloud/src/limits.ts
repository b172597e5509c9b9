/** Caps of this package, each with its reason. */

/** Leaves that are hashed at the same time: each holds 1 MiB, and hashing one leaf already keeps one core busy. */
export const HASHED_LEAVES_IN_FLIGHT = 4;

/** Bytes of one piece that a store hands out: large enough for the disk, small enough for a slow reader. */
export const READ_PIECE_BYTES: number = 256 * 1024;

/** Bytes that a memory store holds in all unless told otherwise: it is for tests and small tools. */
export const MEMORY_STORE_BYTES: number = 256 * 1024 * 1024;
