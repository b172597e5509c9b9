import { expect, test } from "vitest";
import { aNode, aUnit, aUser, GIB } from "../scheduler/market.fixture.ts";
import { chooseVerifier, type VerifierDemand, type VerifierUnit } from "./choose-verifier.ts";

/** A free, trusted unit of the class that `someDemand` asks for. */
function aVerifier(number: number, differences: Partial<VerifierUnit> = {}): VerifierUnit {
  return {
    ...aUnit(number),
    build: "1.0",
    hardwareClass: "x86",
    threads: 4,
    isPlatform: false,
    isTrusted: true,
    ...differences,
  };
}

function someDemand(differences: Partial<VerifierDemand> = {}): VerifierDemand {
  return {
    needs: { peakMemoryBytes: 4 * GIB },
    lowering: "ort",
    build: "1.0",
    hardwareClass: "x86",
    threads: 4,
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
  ["number of threads", { threads: 3 }],
])("[VFY3] a unit of another %s is asked only where that is allowed, and for a distance", (_case, differences) => {
  const other = aVerifier(1, differences);
  expect(chooseVerifier([other], someDemand(), lowest)).toBeUndefined();
  const allowed = someDemand({ isCrossClassAllowed: true });
  expect(chooseVerifier([other], allowed, lowest)).toEqual({ unit: other, mode: "distance" });
});

/** Who is asked of a fleet before another class is allowed, and when it is: the number of a unit, and how. */
type Asked = readonly [number, "exact" | "distance"] | undefined;

const trusted = { isTrusted: true };
const stranger = { isTrusted: false };
const busy = { activeJobs: 1 };
const abroad = { hardwareClass: "arm" };

test.each<[string, readonly Partial<VerifierUnit>[], Asked, Asked]>([
  ["the same class and trusted goes first", [abroad, stranger, {}], [3, "exact"], [3, "exact"]],
  ["trusted and busy is waited for", [busy, stranger, { ...stranger, ...abroad }], undefined, [2, "exact"]],
  ["busy is no reason to wait for ever", [busy, abroad, stranger], undefined, [2, "distance"]],
  ["trusted of another class is waited for", [abroad, stranger], undefined, [1, "distance"]],
  ["trusted of another class and busy, too", [{ ...abroad, ...busy }, stranger], undefined, [2, "exact"]],
  ["of no trusted one the same class goes first", [{ ...stranger, ...abroad }, stranger], [2, "exact"], [2, "exact"]],
  ["of no trusted one another class is the last", [{ ...stranger, ...abroad }], undefined, [1, "distance"]],
  ["busy and not trusted is waited for", [{ ...stranger, ...busy }], undefined, undefined],
  ["offline and trusted is not there", [{ online: false }, stranger], [2, "exact"], [2, "exact"]],
  ["trusted without the memory is not there", [{ memoryBytes: GIB }, stranger], [2, "exact"], [2, "exact"]],
  ["more threads are the same class", [{ threads: 5 }], [1, "exact"], [1, "exact"]],
  ["nobody is nobody", [], undefined, undefined],
])("[VFY3] %s", (_case, units, before, after) => {
  const fleet = units.map((differences, index) => aVerifier(index + 1, { ...trusted, ...differences }));
  for (const [expected, isCrossClassAllowed] of [[before, false] as const, [after, true] as const]) {
    const chosen = chooseVerifier(fleet, someDemand({ isCrossClassAllowed }), lowest);
    expect(chosen).toEqual(expected && { unit: fleet[expected[0] - 1], mode: expected[1] });
  }
});

test("[VFY2] [VFY3] a trusted unit that may not be asked is not waited for", () => {
  const fleet = [aVerifier(1, busy), aVerifier(2, stranger)];
  const demand = someDemand({ excludedOwners: new Set([aUser(1_001)]) });
  expect(chooseVerifier(fleet, demand, lowest)?.unit).toBe(fleet[1]);
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

test("[VFY4] ten nodes of one account weigh as one, and which of them it is depends on the same number", () => {
  const ownerId = aUser(500);
  const many = Array.from({ length: 10 }, (_, index) => aVerifier(10 + index, { ownerId, reputation: index }));
  const fleet = [...many, aVerifier(1, { reputation: 9 })];
  const draws = 1_100;
  const drawn = Array.from({ length: draws }, (_, ticket) =>
    chooseVerifier(fleet, someDemand(), () => (ticket + 0.5) / draws),
  );
  const times = Map.groupBy(drawn, (chosen) => chosen?.unit.ownerId);
  expect(times.get(ownerId)?.length).toBe(draws / 2);
  const own = Map.groupBy(times.get(ownerId) ?? [], (chosen) => chosen?.unit.reputation);
  expect(many.map(({ reputation }) => own.get(reputation)?.length)).toEqual(many.map((_, index) => 10 * (index + 1)));
});

test("[VFY5] nothing but the random number decides between two like units", () => {
  const fleet = [aVerifier(1), aVerifier(2)];
  const asked = [0, 0.499, 0.5, 0.999_999].map((number) => chooseVerifier(fleet, someDemand(), () => number)?.unit);
  expect(asked).toEqual([fleet[0], fleet[0], fleet[1], fleet[1]]);
});

test("[VFY5] a random number outside of 0 to 1 is a broken promise", () => {
  expect(() => chooseVerifier([aVerifier(1)], someDemand(), () => 1)).toThrow("a random number is 1");
});
