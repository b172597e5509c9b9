/**
 * An index of units of one class: finds the best-scored units that have the memory and the price, without asking all.
 *
 * It is a k-d tree over memory, price per hour and price of work, laid out as an implicit complete binary tree, whose
 * nodes also carry the best score below them (a tournament tree). A search goes down the better-scored side first and
 * leaves out what cannot fit or cannot win, so it visits about log n nodes; a changed score or a taken unit is one walk
 * from leaf to root. The shape is fixed when the tree is built.
 */
import { defined } from "@cyxwiz/primitives";
import { SLOWDOWN } from "../price/estimate.ts";
import { kdLayout } from "./kd-layout.ts";
import type { UnitSnapshot } from "./snapshot.ts";

/** A unit in the index. `rank` orders units of equal score, lowest first, and is unique. */
export interface IndexedUnit {
  readonly unit: UnitSnapshot;
  readonly rank: number;
}

/** A unit found, with its score. */
export interface Candidate extends IndexedUnit {
  readonly score: number;
}

/** What a search asks. The bounds only prune, so they must never be above the truth; `accepts` decides exactly. */
export interface UnitQuery {
  readonly memoryBytes: number;
  readonly trainFlops: number;
  readonly fixedSeconds: number;
  readonly quoted: number;
  accepts(unit: UnitSnapshot): boolean;
}

/** The best candidates so far, best first, at most `size`. */
export class BestCandidates {
  readonly found: Candidate[] = [];
  readonly #size: number;

  constructor(size: number) {
    this.#size = size;
  }

  /** Whether a unit of this score and rank would get a place. */
  admits(score: number, rank: number): boolean {
    const last = this.found.length < this.#size ? undefined : this.found.at(-1);
    return last === undefined || isBetter(score, rank, last.score, last.rank);
  }

  add(candidate: Candidate): void {
    let place = this.found.length;
    for (; place > 0; place--) {
      const above = defined(this.found[place - 1], "candidate above");
      if (!isBetter(candidate.score, candidate.rank, above.score, above.rank)) break;
    }
    this.found.splice(place, 0, candidate);
    if (this.found.length > this.#size) this.found.pop();
  }
}

/** Float sums of prices differ from the exact cost in the last bits; pruning gives that much way. */
const PRICE_SLACK = 1 - 1e-9;
const ABSENT = -Infinity;

export class UnitTree {
  readonly #leaves: readonly IndexedUnit[];
  /** Number of leaf positions, a power of two. Node i has children 2i and 2i + 1; leaf p is node width + p. */
  readonly #width: number;
  readonly #score: Float64Array;
  readonly #rank: Int32Array;
  readonly #memory: Float64Array;
  readonly #price: Float64Array;
  readonly #workPrice: Float64Array;

  /** Cost: O(n · log n) expected. */
  constructor(units: readonly IndexedUnit[], scoreOf: (unit: UnitSnapshot) => number) {
    const memory = Float64Array.from(units, ({ unit }) => unit.memoryBytes);
    const price = Float64Array.from(units, ({ unit }) => secondPrice(unit));
    const workPrice = price.map((perSecond, item) => workPriceOf(perSecond, units[item]?.unit));
    this.#width = 2 ** Math.ceil(Math.log2(Math.max(1, units.length)));
    const order = kdLayout([memory, workPrice, price], this.#width);
    this.#leaves = Array.from(order, (item) => defined(units[item], "unit"));
    this.#score = new Float64Array(2 * this.#width).fill(ABSENT);
    this.#rank = new Int32Array(2 * this.#width);
    this.#memory = new Float64Array(2 * this.#width);
    this.#price = new Float64Array(2 * this.#width).fill(Infinity);
    this.#workPrice = new Float64Array(2 * this.#width).fill(Infinity);
    for (const [position, { unit, rank }] of this.#leaves.entries()) {
      const node = this.#width + position;
      const item = order[position] as number;
      this.#score[node] = scoreOf(unit);
      this.#rank[node] = rank;
      this.#memory[node] = this.#at(memory, item);
      this.#price[node] = this.#at(price, item);
      this.#workPrice[node] = this.#at(workPrice, item);
    }
    for (let node = this.#width - 1; node >= 1; node--) this.#summarize(node);
  }

  /** The units in leaf order: a unit's position here is what `setScore` and `remove` take. */
  get leaves(): readonly IndexedUnit[] {
    return this.#leaves;
  }

  /** Changes the score of a unit that was not removed. Cost: O(log n). */
  setScore(position: number, score: number): void {
    this.#score[this.#width + position] = score;
    this.#update(position);
  }

  /** Takes a unit out for good. Cost: O(log n). */
  remove(position: number): void {
    const node = this.#width + position;
    this.#score[node] = ABSENT;
    this.#memory[node] = 0;
    this.#price[node] = Infinity;
    this.#workPrice[node] = Infinity;
    this.#update(position);
  }

  /** Adds to `best` what is better than what it holds. Cost: about O(log n). */
  search(query: UnitQuery, best: BestCandidates): void {
    this.#visit(1, query, best);
  }

  #visit(node: number, query: UnitQuery, best: BestCandidates): void {
    if (!this.#canWin(node, query, best)) return;
    if (node >= this.#width) {
      const leaf = defined(this.#leaves[node - this.#width], "leaf");
      if (query.accepts(leaf.unit)) best.add({ ...leaf, score: this.#at(this.#score, node) });
      return;
    }
    const left = 2 * node;
    const isLeftFirst = this.#winner(left) === left;
    this.#visit(isLeftFirst ? left : left + 1, query, best);
    this.#visit(isLeftFirst ? left + 1 : left, query, best);
  }

  #canWin(node: number, query: UnitQuery, best: BestCandidates): boolean {
    const score = this.#at(this.#score, node);
    if (score === ABSENT || !best.admits(score, this.#rank[node] ?? 0)) return false;
    if (this.#at(this.#memory, node) < query.memoryBytes) return false;
    const cost = this.#at(this.#price, node) * query.fixedSeconds + this.#at(this.#workPrice, node) * query.trainFlops;
    return cost * PRICE_SLACK <= query.quoted;
  }

  /** Brings what stands above a changed leaf up to date. */
  #update(position: number): void {
    for (let node = (this.#width + position) >> 1; node >= 1; node >>= 1) this.#summarize(node);
  }

  #summarize(node: number): void {
    const left = 2 * node;
    const right = left + 1;
    const winner = this.#winner(left);
    this.#score[node] = this.#at(this.#score, winner);
    this.#rank[node] = this.#rank[winner] ?? 0;
    this.#memory[node] = Math.max(this.#at(this.#memory, left), this.#at(this.#memory, right));
    this.#price[node] = Math.min(this.#at(this.#price, left), this.#at(this.#price, right));
    this.#workPrice[node] = Math.min(this.#at(this.#workPrice, left), this.#at(this.#workPrice, right));
  }

  /** Which of a left child and its sibling holds the better unit. */
  #winner(left: number): number {
    const right = left + 1;
    const isRight = isBetter(
      this.#at(this.#score, right),
      this.#rank[right] ?? 0,
      this.#at(this.#score, left),
      this.#rank[left] ?? 0,
    );
    return isRight ? right : left;
  }

  #at(values: Float64Array, node: number): number {
    return values[node] as number;
  }
}

function isBetter(score: number, rank: number, otherScore: number, otherRank: number): boolean {
  return score > otherScore || (score === otherScore && rank < otherRank);
}

/** Base units per second. */
function secondPrice(unit: UnitSnapshot): number {
  return Number(unit.pricePerHour) / 3600;
}

/** Base units per floating-point operation. */
function workPriceOf(perSecond: number, unit: UnitSnapshot | undefined): number {
  return (perSecond * SLOWDOWN.p50) / defined(unit, "unit").trainFlopsPerSecond;
}
