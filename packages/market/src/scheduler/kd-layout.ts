/**
 * The leaf order of a balanced k-d tree: halves of halves, each apart in one dimension, the dimensions taking turns.
 *
 * @see Bentley, "Multidimensional binary search trees used for associative searching", CACM 1975; the median is found
 * by quickselect (Hoare, "Algorithm 65: find", CACM 1961).
 */
import { defined } from "@cyxwiz/primitives";

/**
 * Orders items 0 … n − 1 for a tree of `width` leaves (a power of two, at least n); the first n leaves are filled.
 *
 * Shapes: keys [dimensions][n] → [n]. Cost: O(n · log n) expected, in place. Equal keys go by item, so that the layout is
 * a function of the keys alone.
 */
export function kdLayout(keys: readonly Float64Array[], width: number): Int32Array {
  const order = new Int32Array(defined(keys[0], "first dimension").length);
  for (let item = 0; item < order.length; item++) order[item] = item;
  arrange(order, keys, { from: 0, width, depth: 0 });
  return order;
}

interface Part {
  readonly from: number;
  readonly width: number;
  readonly depth: number;
}

function arrange(order: Int32Array, keys: readonly Float64Array[], { from, width, depth }: Part): void {
  if (width < 2 || from >= order.length) return;
  const half = width / 2;
  const middle = from + half;
  if (middle < order.length) {
    const key = defined(keys[depth % keys.length], "dimension");
    select(order, key, { from, to: Math.min(from + width, order.length) - 1, middle });
  }
  arrange(order, keys, { from, width: half, depth: depth + 1 });
  arrange(order, keys, { from: middle, width: half, depth: depth + 1 });
}

/** Moves the items of order[from … to] so that those before `middle` have lower keys than those from it on. */
function select(order: Int32Array, key: Float64Array, range: { from: number; to: number; middle: number }): void {
  let { from, to } = range;
  const { middle } = range;
  while (from < to) {
    const pivot = order[(from + to) >> 1] as number;
    let left = from;
    let right = to;
    while (left <= right) {
      while (isBelow(key, order[left] as number, pivot)) left++;
      while (isBelow(key, pivot, order[right] as number)) right--;
      if (left > right) break;
      const swap = order[left] as number;
      order[left++] = order[right] as number;
      order[right--] = swap;
    }
    if (middle <= right) to = right;
    else if (middle >= left) from = left;
    else return;
  }
}

function isBelow(key: Float64Array, item: number, other: number): boolean {
  const difference = (key[item] as number) - (key[other] as number);
  return difference < 0 || (difference === 0 && item < other);
}
