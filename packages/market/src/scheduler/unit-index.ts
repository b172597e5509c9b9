/**
 * All units that could take work in this round, findable by what a job asks, and kept true while the round takes them.
 *
 * Units are first parted by what must match exactly (device type and set of lowerings: few distinct ones, since nodes
 * run few builds) and by whether their node is new, then indexed in one `UnitTree` per part.
 */
import { assert, defined } from "@cyxwiz/primitives";
import { costOn, fixedSeconds, MINIMUM_CHARGE } from "../price/estimate.ts";
import { FleetLoad } from "./fleet-load.ts";
import { compareUnits, scoreUnit, totalScore, type ScoreWeights } from "./score.ts";
import type { QueuedJob, UnitSnapshot } from "./snapshot.ts";
import { BestCandidates, UnitTree, type Candidate, type IndexedUnit } from "./unit-tree.ts";

interface UnitClass {
  readonly deviceType: string;
  readonly lowerings: ReadonlySet<string>;
  readonly isNew: boolean;
  readonly tree: UnitTree;
}

/** How much to find, and in what order. */
export interface FindOptions {
  /** At most this many units. */
  readonly count: number;
  /** Units of new nodes before all others, whatever their score. */
  readonly isNewFirst: boolean;
}

/** Where a unit is in the index. */
interface Seat {
  readonly unit: UnitSnapshot;
  readonly tree: UnitTree;
  readonly position: number;
  isTaken: boolean;
}

export class UnitIndex {
  readonly #load: FleetLoad;
  readonly #weights: ScoreWeights;
  readonly #classes: readonly UnitClass[];
  readonly #newClasses: readonly UnitClass[];
  readonly #otherClasses: readonly UnitClass[];
  readonly #seats = new Map<string, Seat>();
  readonly #byNode: ReadonlyMap<string, readonly Seat[]>;
  readonly #byDevice: ReadonlyMap<string, readonly Seat[]>;
  #free = 0;

  /** Cost: O(n · log n) expected. */
  constructor(snapshot: readonly UnitSnapshot[], weights: ScoreWeights) {
    this.#weights = weights;
    this.#load = new FleetLoad(snapshot);
    const units = snapshot
      .filter((unit) => takesWork(unit) && this.#load.isDeviceFree(unit))
      .toSorted(compareUnits)
      .map((unit, rank): IndexedUnit => ({ unit, rank }));
    const score = (unit: UnitSnapshot): number => this.#score(unit);
    this.#classes = [...Map.groupBy(units, ({ unit }) => classKey(unit)).values()].map((part) => classOf(part, score));
    this.#newClasses = this.#classes.filter((part) => part.isNew);
    this.#otherClasses = this.#classes.filter((part) => !part.isNew);
    for (const { tree } of this.#classes) this.#seat(tree);
    this.#byNode = Map.groupBy(this.#seats.values(), (seat) => seat.unit.nodeId);
    this.#byDevice = Map.groupBy(this.#seats.values(), (seat) => seat.unit.deviceKey);
  }

  /** Units that can still take work in this round. */
  get free(): number {
    return this.#free;
  }

  /** Live assignments on a node, those of this round included. */
  nodeLoad(unit: UnitSnapshot): number {
    return this.#load.ofNode(unit.nodeId);
  }

  /** The best units for a job, best first. Cost: about O(log n) for each class that matches. */
  find(job: QueuedJob, { count, isNewFirst }: FindOptions): readonly Candidate[] {
    if (!isNewFirst) return this.#search(job, count, this.#classes);
    const found = this.#search(job, count, this.#newClasses);
    if (found.length === count) return found;
    return [...found, ...this.#search(job, count - found.length, this.#otherClasses)];
  }

  /**
   * Gives a unit its assignment: it leaves the index, units of the same device leave when they have no room any more,
   * and units of the same node lose score. Cost: O(log n) for each unit of the node and the device.
   */
  take(unit: UnitSnapshot): void {
    this.#load.occupy(unit, 1);
    this.#remove(defined(this.#seats.get(unit.unitId), `unit ${unit.unitId}`));
    for (const seat of this.#byDevice.get(unit.deviceKey) ?? []) {
      if (!seat.isTaken && !this.#load.isDeviceFree(seat.unit)) this.#remove(seat);
    }
    for (const seat of this.#byNode.get(unit.nodeId) ?? []) {
      if (!seat.isTaken) seat.tree.setScore(seat.position, this.#score(seat.unit));
    }
  }

  #search(job: QueuedJob, count: number, classes: readonly UnitClass[]): readonly Candidate[] {
    const { needs, quoted } = job;
    const best = new BestCandidates(count);
    if (quoted < MINIMUM_CHARGE) return best.found;
    const query = {
      memoryBytes: needs.peakMemoryBytes,
      trainFlops: needs.trainFlops,
      fixedSeconds: fixedSeconds(needs),
      quoted: Number(quoted),
      accepts: (unit: UnitSnapshot): boolean => !job.bannedNodes.includes(unit.nodeId) && costOn(needs, unit) <= quoted,
    };
    for (const { deviceType, lowerings, tree } of classes) {
      if (needs.device !== "any" && needs.device !== deviceType) continue;
      if (needs.lowering !== undefined && !lowerings.has(needs.lowering)) continue;
      tree.search(query, best);
    }
    return best.found;
  }

  #seat(tree: UnitTree): void {
    for (const [position, { unit }] of tree.leaves.entries()) {
      assert(!this.#seats.has(unit.unitId), `unit ${unit.unitId} is twice in the snapshot`);
      this.#seats.set(unit.unitId, { unit, tree, position, isTaken: false });
    }
    this.#free += tree.leaves.length;
  }

  #remove(seat: Seat): void {
    assert(!seat.isTaken, `unit ${seat.unit.unitId} is taken twice`);
    seat.isTaken = true;
    seat.tree.remove(seat.position);
    this.#free--;
  }

  #score(unit: UnitSnapshot): number {
    return totalScore(scoreUnit(unit, this.#load.ofNode(unit.nodeId), this.#weights));
  }
}

/** The filters that do not depend on the job, nor change while units are taken. */
function takesWork(unit: UnitSnapshot): boolean {
  return unit.online && unit.status === "ACTIVE" && unit.trainFlopsPerSecond > 0 && unit.activeJobs === 0;
}

function classKey(unit: UnitSnapshot): string {
  return `${unit.deviceType} ${unit.isNew} ${unit.lowerings.toSorted().join(" ")}`;
}

function classOf(units: readonly IndexedUnit[], score: (unit: UnitSnapshot) => number): UnitClass {
  const { unit } = defined(units[0], "unit of a class");
  const { deviceType, isNew } = unit;
  return { deviceType, isNew, lowerings: new Set(unit.lowerings), tree: new UnitTree(units, score) };
}
