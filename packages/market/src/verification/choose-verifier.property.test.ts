import fc from "fast-check";
import { expect, test } from "vitest";
import { FleetLoad } from "../scheduler/fleet-load.ts";
import { aNode, aUnit, aUser, GIB } from "../scheduler/market.fixture.ts";
import { deviceKey } from "../scheduler/snapshot.ts";
import { chooseVerifier, type VerifierDemand, type VerifierUnit } from "./choose-verifier.ts";

const fleets: fc.Arbitrary<readonly VerifierUnit[]> = fc
  .array(
    fc.record({
      owner: fc.nat(4),
      node: fc.nat(5),
      machine: fc.nat(5),
      memory: fc.integer({ min: 3, max: 6 }),
      reputation: fc.constantFrom(0, 7_500, 10_000),
      activeJobs: fc.constantFrom(0, 0, 0, 1),
      online: fc.constantFrom(true, true, true, false),
      status: fc.constantFrom("ACTIVE", "ACTIVE", "ACTIVE", "ERROR"),
      lowerings: fc.constantFrom(["a"], ["a", "b"], ["b"]),
      build: fc.constantFrom("1", "1", "2"),
      hardwareClass: fc.constantFrom("x86", "x86", "arm"),
      threads: fc.integer({ min: 1, max: 4 }),
      isPlatform: fc.boolean(),
      isTrusted: fc.boolean(),
    }),
    { maxLength: 16 },
  )
  .map((drawn) =>
    drawn.map(({ owner, node, machine, memory, ...rest }, number) => ({
      ...aUnit(number),
      ...rest,
      ownerId: aUser(owner),
      nodeId: aNode(node),
      deviceKey: deviceKey(`machine${machine}`, "gpu", 0),
      memoryBytes: memory * GIB,
    })),
  );

const demands: fc.Arbitrary<VerifierDemand> = fc
  .record({
    memory: fc.integer({ min: 3, max: 6 }),
    owners: fc.array(fc.nat(4), { maxLength: 2 }),
    nodes: fc.array(fc.nat(5), { maxLength: 2 }),
    isCrossClassAllowed: fc.boolean(),
  })
  .map(({ memory, owners, nodes, isCrossClassAllowed }) => ({
    needs: { peakMemoryBytes: memory * GIB },
    lowering: "a",
    build: "1",
    hardwareClass: "x86",
    threads: 2,
    excludedOwners: new Set(owners.map(aUser)),
    excludedNodes: new Set(nodes.map(aNode)),
    isCrossClassAllowed,
  }));

const randoms = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const isExact = (unit: VerifierUnit): boolean =>
  unit.build === "1" && unit.hardwareClass === "x86" && unit.threads >= 2;

/** The units that could be asked now, by the rules' words. */
function candidates(fleet: readonly VerifierUnit[], demand: VerifierDemand): readonly VerifierUnit[] {
  const load = new FleetLoad(fleet);
  return allowed(fleet, demand).filter((unit) => unit.activeJobs === 0 && load.isDeviceFree(unit));
}

/** Those and the busy ones. */
function allowed(fleet: readonly VerifierUnit[], demand: VerifierDemand): readonly VerifierUnit[] {
  return fleet.filter(
    (unit) =>
      unit.online &&
      unit.status === "ACTIVE" &&
      unit.memoryBytes >= demand.needs.peakMemoryBytes &&
      unit.lowerings.includes("a") &&
      !demand.excludedOwners.has(unit.ownerId) &&
      !demand.excludedNodes.has(unit.nodeId),
  );
}

test("[VFY1] [VFY2] who is asked is free, able, and neither of an excluded owner nor of an excluded node", () => {
  fc.assert(
    fc.property(fleets, demands, randoms, (fleet, demand, random) => {
      const chosen = chooseVerifier(fleet, demand, () => random);
      if (chosen !== undefined) expect(candidates(fleet, demand)).toContain(chosen.unit);
    }),
  );
});

test("[VFY3] the mode is that of the unit's class, and whoever is allowed and free is asked once the wait is over", () => {
  fc.assert(
    fc.property(fleets, demands, randoms, (fleet, demand, random) => {
      const chosen = chooseVerifier(fleet, demand, () => random);
      if (chosen) expect(chosen.mode).toBe(isExact(chosen.unit) ? "exact" : "distance");
      if (!demand.isCrossClassAllowed && chosen) expect(chosen.mode).toBe("exact");
      if (demand.isCrossClassAllowed) expect(chosen !== undefined).toBe(candidates(fleet, demand).length > 0);
    }),
  );
});

test("[VFY3] who is not trusted is asked only where nobody trusted could be, now or, before the wait is over, later", () => {
  fc.assert(
    fc.property(fleets, demands, randoms, (fleet, demand, random) => {
      const chosen = chooseVerifier(fleet, demand, () => random);
      const others = (demand.isCrossClassAllowed ? candidates : allowed)(fleet, demand);
      if (chosen && !chosen.unit.isTrusted) expect(others.filter(({ isTrusted }) => isTrusted)).toEqual([]);
      const best = candidates(fleet, demand).filter((unit) => unit.isTrusted && isExact(unit));
      if (best.length > 0) expect(best).toContain(chosen?.unit);
    }),
  );
});

test("[VFY4] more nodes of no better reputation make no owner likelier", () => {
  fc.assert(
    fc.property(fleets, demands, fc.nat(3), (fleet, demand, copies) => {
      const able = candidates(fleet, demand);
      fc.pre(able.length > 0);
      const first = able[0] as VerifierUnit;
      const twins = Array.from({ length: copies }, (_, number) => asNew(first, number));
      const owners = (units: readonly VerifierUnit[]): readonly unknown[] =>
        [0.1, 0.3, 0.5, 0.7, 0.9].map((random) => chooseVerifier(units, demand, () => random)?.unit.ownerId);
      expect(owners([...fleet, ...twins])).toEqual(owners(fleet));
    }),
  );
});

/** The same unit on another node of its owner. */
function asNew(unit: VerifierUnit, number: number): VerifierUnit {
  const { unitId, nodeId } = aUnit(100 + number);
  return { ...unit, unitId, nodeId, deviceKey: deviceKey(`twin${number}`, "gpu", 0) };
}
