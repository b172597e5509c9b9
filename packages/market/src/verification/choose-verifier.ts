/**
 * Who re-runs a piece of a job to check it.
 *
 * Drawn, not ranked: whoever could work out beforehand which unit is asked could train under one account and check under
 * another. Everything that decides is therefore the caller's secret random number; reputation only weighs the draw, and
 * the platform's own units count like others. The order of the draws (result first, then interval and verifier) and the
 * number of re-runs that a verdict needs are the caller's and the receipt package's.
 */
import { assert, type NodeId, type UserId } from "@cyxwiz/primitives";
import type { JobNeeds } from "../price/job-needs.ts";
import { FleetLoad } from "../scheduler/fleet-load.ts";
import type { UnitSnapshot } from "../scheduler/snapshot.ts";

/** A unit with what its computations depend on to the last bit, beside the lowering. */
export interface VerifierUnit extends UnitSnapshot {
  readonly build: string;
  readonly hardwareClass: string;
  /** Computing threads that it can give to a job. */
  readonly threads: number;
  /** Whether the platform owns it. Shown with the re-run; it decides nothing here. */
  readonly isPlatform: boolean;
  /** Whether its word can decide: the platform's, or one that served enough distinct payers. The caller says which. */
  readonly isTrusted: boolean;
}

/** What is to be re-run, and who may not do it. */
export interface VerifierDemand {
  /** Of the job; a re-run needs its memory. Which kind of device it asked for does not bind who checks it. */
  readonly needs: Pick<JobNeeds, "peakMemoryBytes">;
  /** What the work was done with. */
  readonly lowering: string;
  readonly build: string;
  readonly hardwareClass: string;
  /** Products are summed in another order by another number of threads, so a re-run has to use as many. */
  readonly threads: number;
  /** Who trained a piece of the job, who pays for it, and who re-ran a piece of it already. */
  readonly excludedOwners: ReadonlySet<UserId>;
  readonly excludedNodes: ReadonlySet<NodeId>;
  /** Whether a trusted unit of another class, or any that is free, will do: a better one was waited for long enough. */
  readonly isCrossClassAllowed: boolean;
}

/** How a re-run is compared: bit for bit on the same class, by the distance of the two ends across classes. */
export const RERUN_MODES = ["exact", "distance"] as const;
export type RerunMode = (typeof RERUN_MODES)[number];

export interface ChosenVerifier<Unit extends VerifierUnit> {
  readonly unit: Unit;
  readonly mode: RerunMode;
}

/**
 * Draws a unit for a re-run, or none: then a better one may come, and the caller asks again.
 *
 * Trusted units go first, because a verdict needs one of their words; among them those of the same lowering, build and
 * hardware class with as many threads. A unit that is not trusted is drawn only where no trusted one is there at all, or
 * where waiting for it is over. `random` gives numbers of at least 0 and below 1, and must be a secure source; one number
 * is drawn. Cost: O(n · log n) for n units. Pure but for `random`.
 */
export function chooseVerifier<Unit extends VerifierUnit>(
  fleet: readonly Unit[],
  demand: VerifierDemand,
  random: () => number,
): ChosenVerifier<Unit> | undefined {
  const candidates = candidatesFor(fleet, demand);
  if (candidates === undefined || candidates.units.length === 0) return undefined;
  return { unit: draw(candidates.units, random), mode: candidates.mode };
}

/** From whom to draw; undefined where somebody better is waited for. */
function candidatesFor<Unit extends VerifierUnit>(
  fleet: readonly Unit[],
  demand: VerifierDemand,
): { readonly units: readonly Unit[]; readonly mode: RerunMode } | undefined {
  const load = new FleetLoad(fleet);
  const able = fleet.filter((unit) => isAble(unit, demand));
  const free = able.filter((unit) => unit.activeJobs === 0 && load.isDeviceFree(unit));
  const trusted = free.filter((unit) => unit.isTrusted);
  const exact = free.filter((unit) => isSameClass(unit, demand));
  const best = exact.filter((unit) => unit.isTrusted);
  if (best.length > 0) return { units: best, mode: "exact" };
  if (!demand.isCrossClassAllowed) {
    return able.some((unit) => unit.isTrusted) ? undefined : { units: exact, mode: "exact" };
  }
  if (trusted.length > 0) return { units: trusted, mode: "distance" };
  return exact.length > 0 ? { units: exact, mode: "exact" } : { units: free, mode: "distance" };
}

/** Everything but being free. */
function isAble(unit: VerifierUnit, demand: VerifierDemand): boolean {
  return (
    unit.online &&
    unit.status === "ACTIVE" &&
    unit.trainFlopsPerSecond > 0 &&
    unit.memoryBytes >= demand.needs.peakMemoryBytes &&
    unit.lowerings.includes(demand.lowering) &&
    !demand.excludedOwners.has(unit.ownerId) &&
    !demand.excludedNodes.has(unit.nodeId)
  );
}

function isSameClass(unit: VerifierUnit, { build, hardwareClass, threads }: VerifierDemand): boolean {
  return unit.build === build && unit.hardwareClass === hardwareClass && unit.threads >= threads;
}

/**
 * An owner, then one of its units. An owner is as likely as its best unit, so that ten nodes of one account weigh as one.
 * Where in the owner's share the number fell decides among its units.
 */
function draw<Unit extends VerifierUnit>(units: readonly Unit[], random: () => number): Unit {
  const drawn = random();
  assert(drawn >= 0 && drawn < 1, `a random number is ${drawn}`);
  const ordered = units.toSorted((a, b) => (a.unitId < b.unitId ? -1 : 1));
  const owners = [...Map.groupBy(ordered, (unit) => unit.ownerId)].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const best = ([, own]: (typeof owners)[number]): number => Math.max(...own.map(weightOf));
  const { chosen, place } = pick(owners, best, drawn);
  return pick(chosen[1], weightOf, place).chosen;
}

/** The item into whose share of the whole `at` falls (0 ≤ at < 1), and where in that share, again from 0 to below 1. */
function pick<Item>(
  items: readonly Item[],
  weight: (item: Item) => number,
  at: number,
): { readonly chosen: Item; readonly place: number } {
  let left = at * items.reduce((sum, item) => sum + weight(item), 0);
  for (const chosen of items) {
    const share = weight(chosen);
    if (left < share) return { chosen, place: left / share };
    left -= share;
  }
  assert(false, "a place below the sum of the shares is in somebody's");
}

/** Its reputation and one: also a unit of none can be asked, else nobody might. */
function weightOf(unit: VerifierUnit): number {
  return unit.reputation + 1;
}
