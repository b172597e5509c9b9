/** Caps of calibration, each with its reason. */

/** Rows of a matrix: sums stay below 2²¹, where the remainder is exact, and a matrix takes 16 MiB. */
export const MAX_SIZE = 2_048;

/** Products of one round: the smallest size on the fastest processor runs out of its time long before. */
export const MAX_PRODUCTS = 100_000;
