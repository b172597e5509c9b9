/** Caps of the objects feature, each with its reason. */

/** Largest object that is uploaded in one request: the largest dataset that one node is expected to hold on disk. */
export const MAX_OBJECT_BYTES: number = 64 * 1024 ** 3;

/** Longest Range header that is looked at; one range is under 50 characters. */
export const MAX_RANGE_CHARS = 100;
