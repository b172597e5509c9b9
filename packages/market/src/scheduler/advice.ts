/**
 * The cheapest single change that would get a job a unit.
 *
 * A unit that only one filter refuses is a near miss. Advice names the near miss that costs the user least: nothing but
 * time, then another kind of device, then money, then a smaller job.
 */
import { formatAmount, type Amount } from "@cyxwiz/primitives";
import { costOn } from "../price/estimate.ts";
import type { DeviceType, JobNeeds } from "../price/job-needs.ts";
import type { FleetLoad } from "./fleet-load.ts";
import type { Filter, FilterCode } from "./filter.ts";
import type { UnitSnapshot } from "./snapshot.ts";

/** `units`: how many units the change would open. */
export type Advice =
  | { readonly change: "wait-for-unit"; readonly units: number }
  | { readonly change: "change-device"; readonly to: DeviceType; readonly units: number }
  | { readonly change: "raise-amount"; readonly to: Amount; readonly units: number }
  | { readonly change: "reduce-memory"; readonly toBytes: number; readonly units: number }
  | { readonly change: "unpin-lowering"; readonly units: number }
  | { readonly change: "wait-for-node"; readonly units: number }
  | { readonly change: "add-node" }
  | { readonly change: "none" };

/** Looks for near misses among units of which none fits. Cost: units × filters. Pure. */
export function adviseOn<T>(
  snapshot: readonly UnitSnapshot[],
  asked: { readonly subject: T; readonly needs: JobNeeds },
  filters: readonly Filter<T>[],
  load: FleetLoad,
): Advice {
  if (snapshot.length === 0) return { change: "add-node" };
  const misses = nearMisses(snapshot, asked.subject, filters, load);
  const of = (...codes: readonly FilterCode[]): readonly UnitSnapshot[] =>
    codes.flatMap((code) => misses.get(code) ?? []);

  const busy = of("unit-free", "device-free");
  if (busy.length > 0) return { change: "wait-for-unit", units: busy.length };
  const [other] = of("device");
  if (other !== undefined) return { change: "change-device", to: other.deviceType, units: of("device").length };
  const dear = of("price");
  if (dear.length > 0) return { change: "raise-amount", to: lowestCost(asked.needs, dear), units: dear.length };
  const small = of("memory");
  if (small.length > 0) {
    const toBytes = small.reduce((most, unit) => Math.max(most, unit.memoryBytes), 0);
    return { change: "reduce-memory", toBytes, units: small.filter((unit) => unit.memoryBytes === toBytes).length };
  }
  const pinned = of("lowering");
  if (pinned.length > 0) return { change: "unpin-lowering", units: pinned.length };
  const away = of("online", "active");
  if (away.length > 0) return { change: "wait-for-node", units: away.length };
  return { change: "none" };
}

/** Advice as a sentence, for people. */
export function describeAdvice(advice: Advice): string {
  switch (advice.change) {
    case "wait-for-unit":
      return `wait: ${advice.units} unit(s) that fit are busy now`;
    case "change-device":
      return `allow a ${advice.to.toUpperCase()}: ${advice.units} unit(s) would fit`;
    case "raise-amount":
      return `raise the amount to ${formatAmount(advice.to)} CYXWIZ, the cost on the cheapest of ${advice.units} unit(s)`;
    case "reduce-memory":
      return `bring the peak memory down to ${advice.toBytes} bytes, what the largest unit has: a smaller batch does it`;
    case "unpin-lowering":
      return `let the job run with another lowering: ${advice.units} unit(s) would fit`;
    case "wait-for-node":
      return `wait: ${advice.units} unit(s) that fit are offline or paused`;
    case "add-node":
      return "start a Server Node, or wait for one: nobody shares a device yet";
    case "none":
      return "no single change would help: several requirements are not met by any one unit";
  }
}

function nearMisses<T>(
  snapshot: readonly UnitSnapshot[],
  subject: T,
  filters: readonly Filter<T>[],
  load: FleetLoad,
): ReadonlyMap<FilterCode, readonly UnitSnapshot[]> {
  const misses = new Map<FilterCode, UnitSnapshot[]>();
  for (const unit of snapshot) {
    const [first, second] = filters.filter((filter) => !filter.passes(unit, subject, load));
    if (first === undefined || !isOneObstacle(first.code, second?.code)) continue;
    const found = misses.get(first.code) ?? [];
    found.push(unit);
    misses.set(first.code, found);
  }
  return misses;
}

/** A busy unit is refused twice, as a unit and as a share of its device; both end when its assignment does. */
function isOneObstacle(first: FilterCode, second: FilterCode | undefined): boolean {
  return second === undefined || (first === "unit-free" && second === "device-free");
}

function lowestCost(needs: JobNeeds, units: readonly UnitSnapshot[]): Amount {
  return units.map((unit) => costOn(needs, unit)).reduce((least, cost) => (cost < least ? cost : least));
}
