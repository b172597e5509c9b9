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
      isPlatform: fc.boolean(),
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
    excludedOwners: new Set(owners.map(aUser)),
    excludedNodes: new Set(nodes.map(aNode)),
    isCrossClassAllowed,
  }));

const randoms = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const isExact = (unit: VerifierUnit): boolean => unit.build === "1" && unit.hardwareClass === "x86";

/** The units that could be asked, by the rules' words. */
function candidates(fleet: readonly VerifierUnit[], demand: VerifierDemand): readonly VerifierUnit[] {
  const load = new FleetLoad(fleet);
  return fleet.filter(
    (unit) =>
      unit.online &&
      unit.status === "ACTIVE" &&
      unit.activeJobs === 0 &&
      load.isDeviceFree(unit) &&
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

test("[VFY3] the same class goes first, another is drawn only where allowed, and somebody is asked where one may be", () => {
  fc.assert(
    fc.property(fleets, demands, randoms, (fleet, demand, random) => {
      const chosen = chooseVerifier(fleet, demand, () => random);
      const able = candidates(fleet, demand);
      if (able.some(isExact)) {
        expect(chosen?.mode).toBe("exact");
        expect(chosen && isExact(chosen.unit)).toBe(true);
      } else {
        expect(chosen?.mode).toBe(demand.isCrossClassAllowed && able.length > 0 ? "distance" : undefined);
      }
    }),
  );
});
