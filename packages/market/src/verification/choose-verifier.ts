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
  /** Whether the platform owns it. Shown with the re-run; it decides nothing here. */
  readonly isPlatform: boolean;
}

/** What is to be re-run, and who may not do it. */
export interface VerifierDemand {
  /** Of the job; a re-run needs its memory. Which kind of device it asked for does not bind who checks it. */
  readonly needs: Pick<JobNeeds, "peakMemoryBytes">;
  /** What the work was done with. */
  readonly lowering: string;
  readonly build: string;
  readonly hardwareClass: string;
  /** Who trained a piece of the job, who pays for it, and who re-ran a piece of it already. */
  readonly excludedOwners: ReadonlySet<UserId>;
  readonly excludedNodes: ReadonlySet<NodeId>;
  /** Whether a unit of another build or hardware class will do, because one of the same was waited for long enough. */
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
 * Draws a unit for a re-run, or none: then a unit of the same class may come, and the caller asks again.
 *
 * Units of the same lowering, build and hardware class go first, whatever their reputation. Others are drawn only where
 * that is allowed and none of the same class is free. `random` gives numbers of at least 0 and below 1, and must be a
 * secure source; one number is drawn. Cost: O(n · log n) for n units. Pure but for `random`.
 */
export function chooseVerifier<Unit extends VerifierUnit>(
  fleet: readonly Unit[],
  demand: VerifierDemand,
  random: () => number,
): ChosenVerifier<Unit> | undefined {
  const load = new FleetLoad(fleet);
  const able = fleet.filter((unit) => isAble(unit, demand) && unit.activeJobs === 0 && load.isDeviceFree(unit));
  const exact = able.filter((unit) => isSameClass(unit, demand));
  if (exact.length > 0) return { unit: draw(exact, random), mode: "exact" };
  if (!demand.isCrossClassAllowed || able.length === 0) return undefined;
  return { unit: draw(able, random), mode: "distance" };
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

function isSameClass(unit: VerifierUnit, { build, hardwareClass }: VerifierDemand): boolean {
  return unit.build === build && unit.hardwareClass === hardwareClass;
}

/** One of some units, each as likely as its reputation and one: also a unit of none can be asked, else nobody might. */
function draw<Unit extends VerifierUnit>(units: readonly Unit[], random: () => number): Unit {
  const ordered = units.toSorted((a, b) => (a.unitId < b.unitId ? -1 : 1));
  const total = ordered.reduce((sum, unit) => sum + weightOf(unit), 0);
  const drawn = random();
  assert(drawn >= 0 && drawn < 1, `a random number is ${drawn}`);
  let ticket = Math.floor(drawn * total);
  const chosen = ordered.find((unit) => (ticket -= weightOf(unit)) < 0);
  assert(chosen !== undefined, "a ticket below the sum of the weights is somebody's");
  return chosen;
}

function weightOf(unit: VerifierUnit): number {
  return unit.reputation + 1;
}
