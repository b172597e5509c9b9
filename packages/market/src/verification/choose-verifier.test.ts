import { expect, test } from "vitest";
import { aNode, aUnit, aUser, GIB } from "../scheduler/market.fixture.ts";
import { chooseVerifier, type VerifierDemand, type VerifierUnit } from "./choose-verifier.ts";

/** A free unit of the class that `someDemand` asks for. */
function aVerifier(number: number, differences: Partial<VerifierUnit> = {}): VerifierUnit {
  return { ...aUnit(number), build: "1.0", hardwareClass: "x86", isPlatform: false, ...differences };
}

function someDemand(differences: Partial<VerifierDemand> = {}): VerifierDemand {
  return {
    needs: { peakMemoryBytes: 4 * GIB },
    lowering: "ort",
    build: "1.0",
    hardwareClass: "x86",
    excludedOwners: new Set(),
    excludedNodes: new Set(),
    isCrossClassAllowed: false,
    ...differences,
  };
}

const lowest = (): number => 0;

test("[VFY1] a unit of the same lowering, build and hardware class is asked for the same bits", () => {
  expect(chooseVerifier([aVerifier(1)], someDemand(), lowest)).toEqual({ unit: aVerifier(1), mode: "exact" });
});

test.each<[string, Partial<VerifierUnit>]>([
  ["is offline", { online: false }],
  ["is paused", { status: "PAUSED" }],
  ["was never measured", { trainFlopsPerSecond: 0 }],
  ["has too little memory", { memoryBytes: 4 * GIB - 1 }],
  ["runs another lowering", { lowerings: ["torch"] }],
  ["has an assignment", { activeJobs: 1 }],
  ["has no room left on its device", { allocatedCapacity: 17 * GIB }],
])("[VFY1] a unit that %s is not asked", (_case, differences) => {
  const demand = someDemand({ isCrossClassAllowed: true });
  expect(chooseVerifier([aVerifier(1, differences)], demand, lowest)).toBeUndefined();
});

test("[VFY1] a unit is not asked while another node's work occupies the device that they share", () => {
  const shared = { deviceKey: "machine/gpu/0" };
  const fleet = [aVerifier(1, { ...shared, activeJobs: 1 }), aVerifier(2, shared)];
  expect(chooseVerifier(fleet, someDemand(), lowest)).toBeUndefined();
});

test("[VFY2] an excluded owner or node is never asked, and the platform is no exception", () => {
  const fleet = [aVerifier(1), aVerifier(2, { isPlatform: true, ownerId: aUser(9) }), aVerifier(3)];
  const demand = someDemand({
    excludedOwners: new Set([aUser(1_001), aUser(9)]),
    excludedNodes: new Set([aNode(3)]),
    isCrossClassAllowed: true,
  });
  expect(chooseVerifier(fleet, demand, lowest)).toBeUndefined();
});

test.each<[string, Partial<VerifierUnit>]>([
  ["build", { build: "1.1" }],
  ["hardware class", { hardwareClass: "arm" }],
])("[VFY3] a unit of another %s is asked only where that is allowed, and for a distance", (_case, differences) => {
  const other = aVerifier(1, differences);
  expect(chooseVerifier([other], someDemand(), lowest)).toBeUndefined();
  const allowed = someDemand({ isCrossClassAllowed: true });
  expect(chooseVerifier([other], allowed, lowest)).toEqual({ unit: other, mode: "distance" });
});

test("[VFY3] a busy unit of the same class is waited for until another class is allowed", () => {
  const other = aVerifier(2, { build: "1.1" });
  const fleet = [aVerifier(1, { activeJobs: 1 }), other];
  expect(chooseVerifier(fleet, someDemand(), lowest)).toBeUndefined();
  expect(chooseVerifier(fleet, someDemand({ isCrossClassAllowed: true }), lowest)?.unit).toBe(other);
});

test("[VFY4] each unit is as likely as its reputation and one, in whatever order they are listed", () => {
  const reputations = new Map([
    [1, 0],
    [2, 3],
    [3, 5],
  ]);
  const fleet = [...reputations].map(([number, reputation]) => aVerifier(number, { reputation }));
  const total = 11;
  for (const listed of [fleet, fleet.toReversed()]) {
    const drawn = Array.from({ length: total }, (_, ticket) =>
      chooseVerifier(listed, someDemand(), () => (ticket + 0.5) / total),
    );
    const times = Map.groupBy(drawn, (chosen) => chosen?.unit.reputation);
    expect([0, 3, 5].map((reputation) => times.get(reputation)?.length)).toEqual([1, 4, 6]);
  }
});

test("[VFY5] nothing but the random number decides between two like units", () => {
  const fleet = [aVerifier(1), aVerifier(2)];
  const asked = [0, 0.499, 0.5, 0.999_999].map((number) => chooseVerifier(fleet, someDemand(), () => number)?.unit);
  expect(asked).toEqual([fleet[0], fleet[0], fleet[1], fleet[1]]);
});

test("[VFY5] a random number outside of 0 to 1 is a broken promise", () => {
  expect(() => chooseVerifier([aVerifier(1)], someDemand(), () => 1)).toThrow("a random number is 1");
});
