import { verify } from "node:crypto";
import { challengeText, costOn, effectiveSpeed, peakOf, type JobNeeds } from "@cyxwiz/market";
import { amount } from "@cyxwiz/primitives";
import { sql } from "kysely";
import { expect, test } from "vitest";
import { ChallengedMarket, rightAnswer } from "./challenge.fixture.ts";
import { presentCalibration, storedCalibration } from "./stored-calibration.ts";

/** Warm-up and three sizes. */
const ROUNDS = 4;
const GIGA = 1e9;
const byName = (a: string | null, b: string | null): number => (String(a) < String(b) ? -1 : 1);

const FINGERPRINT = "ab".repeat(32);

const NEEDS: JobNeeds = { trainFlops: 1e14, peakMemoryBytes: 1, datasetBytes: 0, device: "any" };

const one = (flopsPerSecond: number) => () => ({ name: "device", flopsPerSecond });

test("[CAL12] a registered unit is asked once it has been idle, and gets its curve, class and date", async () => {
  await using at = await ChallengedMarket.create();
  const machine = await at.machine();
  await at.service.pass(new AbortController().signal);
  expect(at.handedOut).toBe(0);
  await at.advance(3_000);
  await at.service.pass(new AbortController().signal);
  await at.compute(ROUNDS, 1, one(2 * GIGA));
  const unit = await at.unit(machine);
  const calibration = storedCalibration(unit.calibration);
  expect(calibration?.curve.map(({ size }) => size)).toEqual([64, 128, 256]);
  for (const point of calibration?.curve ?? []) expect(point.flopsPerSecond).toBeCloseTo(2 * GIGA, -6);
  expect(calibration?.class).toBe("cpu/test-cpu/4/test-1");
  expect(presentCalibration(unit)).toMatchObject({
    challenged_at: new Date(at.market.clock.now()).toISOString(),
    curve: [{ size: 64 }, { size: 128 }, { size: 256 }],
  });
  expect(unit.status).toBe("ACTIVE");
  expect(await at.outcomes(machine)).toEqual(["passed", "passed", "passed", "passed"]);
});

test("[CAL11] a task carries the server's signature over its text, and a seed of its own", async () => {
  await using at = await ChallengedMarket.create();
  await at.machine();
  await at.pass();
  const [first] = await at.tasks(1);
  if (!first) throw new TypeError("a task was handed out");
  const signature = Buffer.from(first.signature, "base64url");
  expect(verify(null, Buffer.from(challengeText(first)), at.publicKey, signature)).toBe(true);
  expect(verify(null, Buffer.from(challengeText({ ...first, seed: "1" })), at.publicKey, signature)).toBe(false);
  await at.answer(first);
  const [second] = await at.tasks(1);
  expect(second?.seed).not.toBe(first.seed);
});

test("[CAL6] a CPU that poses as a GPU of 80 TFLOPS is quoted by what it showed", async () => {
  await using at = await ChallengedMarket.create();
  const poser = await at.machine();
  await at.market.context.db
    .updateTable("compute_units")
    .set({ device_type: "gpu", device_name: "GPU", train_flops_per_second: 80e12, memory_bytes: 24n * 1024n ** 3n })
    .execute();
  const speedOf = async (): Promise<number> => {
    const unit = await at.unit(poser);
    const claimedTrainFlops = unit.train_flops_per_second ?? 0;
    return effectiveSpeed({ claimedTrainFlops, calibration: storedCalibration(unit.calibration) });
  };
  expect(await speedOf()).toBe(80e12);
  await at.pass();
  await at.compute(ROUNDS, 1, one(50 * GIGA));
  const speed = await speedOf();
  expect(speed).toBeLessThanOrEqual(50.01 * GIGA);
  expect(speed).toBeGreaterThan(10 * GIGA);
  const pricePerHour = amount(500_000_000n);
  expect(costOn(NEEDS, { pricePerHour, trainFlopsPerSecond: speed })).toBeGreaterThan(
    100n * costOn(NEEDS, { pricePerHour, trainFlopsPerSecond: 80e12 }),
  );
});

test("[CAL7] a device sold by two nodes shows half of it on both, when both are asked in the same moment", async () => {
  await using at = await ChallengedMarket.create();
  const device = one(4 * GIGA);
  const first = await at.machine({ ipAddress: "198.51.100.7" });
  await at.pass();
  await at.compute(ROUNDS, 1, device);
  const second = await at.machine({ ipAddress: "198.51.100.7" });
  await at.pass();
  await at.compute(ROUNDS, 1, device);
  const peak = async (of: typeof first): Promise<number> =>
    peakOf(storedCalibration((await at.unit(of)).calibration)?.curve ?? []);
  expect((await peak(second)) / (4 * GIGA)).toBeCloseTo(1, 2);
  await at.advance(60_000);
  await at.pass();
  await at.compute(ROUNDS, 2, device);
  for (const machine of [first, second]) {
    expect((await peak(machine)) / (2 * GIGA)).toBeCloseTo(1, 2);
    const { calibration, train_flops_per_second: claimedTrainFlops } = await at.unit(machine);
    const speed = effectiveSpeed({
      claimedTrainFlops: claimedTrainFlops ?? 0,
      calibration: storedCalibration(calibration),
    });
    expect(speed / (claimedTrainFlops ?? 0)).toBeCloseTo(0.5, 2);
  }
});

test("[CAL10] two honest devices at one address keep their speed when asked together", async () => {
  await using at = await ChallengedMarket.create();
  const machines = [await at.machine({ ipAddress: "198.51.100.7" }), await at.machine({ ipAddress: "198.51.100.7" })];
  const own = (unitId: string): { name: string; flopsPerSecond: number } => ({
    name: unitId,
    flopsPerSecond: 4 * GIGA,
  });
  await at.pass();
  await at.compute(ROUNDS, 1, own);
  await at.pass();
  await at.compute(ROUNDS, 1, own);
  await at.advance(60_000);
  await at.pass();
  await at.compute(ROUNDS, 2, own);
  for (const machine of machines) {
    const calibration = storedCalibration((await at.unit(machine)).calibration);
    expect(effectiveSpeed({ claimedTrainFlops: GIGA, calibration })).toBe(GIGA);
  }
});

test("[CAL8] a wrong product makes the unit broken, with the reason, and a right one heals it", async () => {
  await using at = await ChallengedMarket.create();
  const machine = await at.machine();
  await at.pass();
  for (let round = 0; round < ROUNDS; round++) {
    const [task] = await at.tasks(1);
    if (!task) throw new TypeError("a task was handed out");
    const [result] = rightAnswer(task).results;
    if (!result) throw new TypeError("a result for the round");
    const product = round === 2 ? result.product.with(7, ((result.product[7] ?? 0) + 1) % 31) : result.product;
    await at.answer(task, { results: [{ ...result, product }] });
  }
  await at.service.settled();
  expect(await at.unit(machine)).toMatchObject({
    status: "ERROR",
    status_reason: "a challenge was answered wrongly: 4 products of matrices of 128 rows",
    calibration: null,
    challenged_at: null,
  });
  expect((await at.outcomes(machine)).toSorted(byName)).toEqual(["called-off", "called-off", "called-off", "failed"]);
  await at.pass();
  expect(at.handedOut).toBe(0);
  await at.advance(60_000);
  await at.pass();
  await at.compute(ROUNDS, 1, one(2 * GIGA));
  expect(await at.unit(machine)).toMatchObject({ status: "ACTIVE", status_reason: null });
});

test("[CAL8] a busy unit loses nothing and is asked again later", async () => {
  await using at = await ChallengedMarket.create();
  const machine = await at.machine();
  for (let time = 0; time < 4; time++) {
    await at.pass();
    const [task] = await at.tasks(1);
    if (task) await at.answer(task, { busy: true, results: [] });
    await at.service.settled();
    await at.pass();
    expect(at.handedOut).toBe(0);
    await at.advance(30_000 * 2 ** time);
  }
  expect(await at.unit(machine)).toMatchObject({ status: "ACTIVE", calibration: null });
  expect(await at.outcomes(machine)).toEqual(["busy", "busy", "busy", "busy"]);
});

test("[CAL8] three challenges without an answer make the unit broken; a late answer is noted as late", async () => {
  await using at = await ChallengedMarket.create();
  const machine = await at.machine();
  for (let time = 0; time < 3; time++) {
    expect((await at.unit(machine)).status).toBe("ACTIVE");
    await at.pass();
    const [task] = await at.tasks(1);
    await at.advance(60_001);
    await at.service.settled();
    if (task && time === 1) await at.answer(task);
    await at.advance(60_000 * 2 ** time);
  }
  expect(await at.outcomes(machine)).toEqual(["silent", "late", "silent"]);
  expect(await at.unit(machine)).toMatchObject({
    status: "ERROR",
    status_reason: "challenges are not answered in time",
  });
});

test("[CAL8] a unit that cannot compute says why, and so does its state after the third time", async () => {
  await using at = await ChallengedMarket.create();
  const machine = await at.machine();
  for (let time = 0; time < 3; time++) {
    await at.pass();
    const [task] = await at.tasks(1);
    if (task) await at.answer(task, { code: "node/x", message: "no driver", results: [] });
    await at.service.settled();
    await at.advance(60_000 * 2 ** time);
  }
  expect(await at.unit(machine)).toMatchObject({
    status: "ERROR",
    status_reason: "challenges cannot be computed: no driver",
  });
});

test("[CAL8] a node that went away, and a server that stops, hold nothing against the unit", async () => {
  await using at = await ChallengedMarket.create();
  const machine = await at.machine();
  await at.pass();
  await at.tasks(1);
  at.away.add(machine.nodeId);
  await at.advance(60_001);
  await at.service.settled();
  at.away.clear();
  await at.advance(30_000);
  const stopping = new AbortController();
  await at.pass(stopping.signal);
  await at.tasks(1);
  stopping.abort();
  await at.service.settled();
  expect(await at.outcomes(machine)).toEqual(["called-off", "called-off"]);
});

test("[CAL9] a device with work is not asked, nor is another node's unit on it", async () => {
  await using at = await ChallengedMarket.create();
  const machine = await at.machine({ fingerprint: FINGERPRINT, cores: 4 });
  await at.machine({ fingerprint: FINGERPRINT, cores: 4 });
  at.working.add(machine.unitIds[0] ?? "");
  await at.pass();
  await at.advance(20_000);
  await at.pass();
  expect(at.handedOut).toBe(0);
  at.working.clear();
  await at.advance(20_000);
  await at.pass();
  expect(await at.tasks(1)).toHaveLength(1);
});

test("[CAL10] units that openly are one device are asked one after the other", async () => {
  await using at = await ChallengedMarket.create();
  const options = { fingerprint: FINGERPRINT, cores: 4 };
  const machines = [await at.machine(options), await at.machine(options)];
  const device = one(4 * GIGA);
  for (const _ of machines) {
    await at.pass();
    await at.compute(ROUNDS, 1, device);
  }
  // The scheduler never uses both at once, so neither takes anything from the other.
  await at.advance(70_000);
  await at.pass();
  expect(at.handedOut).toBe(0);
  for (const machine of machines) {
    const calibration = storedCalibration((await at.unit(machine)).calibration);
    expect(peakOf(calibration?.curve ?? []) / (4 * GIGA)).toBeCloseTo(1, 2);
  }
});

test("[CAL12] only the node that was asked can answer, and only for the unit", async () => {
  await using at = await ChallengedMarket.create();
  const machine = await at.machine();
  const other = await at.machine();
  await at.pass();
  const tasks = await at.tasks(2);
  const task = tasks.find(({ nodeId }) => nodeId === machine.nodeId);
  if (!task) throw new TypeError("both were asked");
  await at.service.answered(other.nodeId, rightAnswer(task));
  await at.answer(task, { unitId: other.unitIds[0] ?? "" });
  await at.answer(task, { challengeId: "not an id" });
  expect(await at.outcomes(machine)).toEqual([null]);
  await at.answer(task);
  await at.tasks(1);
  expect(await at.outcomes(machine)).toEqual([null, null]);
});

test("[CAL9] a registration that changes nothing brings no new challenge; one that claims otherwise does", async () => {
  await using at = await ChallengedMarket.create();
  const machine = await at.machine();
  await at.pass();
  await at.compute(ROUNDS, 1, one(2 * GIGA));
  at.service.registered(machine.nodeId);
  await at.pass();
  expect(at.handedOut).toBe(0);
  await at.market.context.db.updateTable("compute_units").set({ hardware_class: "better" }).execute();
  at.service.registered(machine.nodeId);
  await at.pass();
  expect(await at.tasks(1)).toHaveLength(1);
});

test("[CAL12] a challenge that broke off leaves nothing in the way of the next", async () => {
  await using at = await ChallengedMarket.create();
  const machine = await at.machine();
  await at.pass();
  const [task] = await at.tasks(1);
  if (!task) throw new TypeError("a task was handed out");
  const { db } = at.market.context;
  await sql`alter table challenges rename to challenges_away`.execute(db);
  await at.answer(task);
  await at.service.settled();
  await sql`alter table challenges_away rename to challenges`.execute(db);
  expect(at.market.logger.lines.filter((line) => line.level === "error")).toHaveLength(1);
  await at.advance(30_000);
  await at.pass();
  await at.compute(ROUNDS, 1, one(2 * GIGA));
  expect(await at.outcomes(machine)).toEqual(["called-off", "passed", "passed", "passed", "passed"]);
});

test("[CAL12] a server that starts again calls off what was open, and asks anew", async () => {
  await using at = await ChallengedMarket.create();
  const machine = await at.machine();
  await at.pass();
  await at.tasks(1);
  at.service = at.newService();
  const stopping = new AbortController();
  const running = at.service.run(stopping.signal);
  await until(async () => (await at.outcomes(machine)).includes("called-off"));
  while (at.handedOut === 0) {
    // The task that nobody waits for any more sleeps towards its deadline, and the loop towards its next look.
    await until(async () => (await at.outcomes(machine)).length > 0 && at.market.clock.sleeping >= 2);
    await at.advance(2_000);
  }
  expect(await at.tasks(1)).toHaveLength(1);
  stopping.abort();
  await running;
  expect(await at.outcomes(machine)).toEqual(["called-off", "called-off"]);
});

test("a server whose database is away when it starts says so, and asks once it is back", async () => {
  await using at = await ChallengedMarket.create();
  const { db } = at.market.context;
  const errors = (): number => at.market.logger.lines.filter((line) => line.level === "error").length;
  await sql`alter table challenges rename to challenges_away`.execute(db);
  const stopping = new AbortController();
  const running = at.service.run(stopping.signal);
  await until(async () => (await sql`select 1`.execute(db)).rows.length === 1 && errors() > 0);
  await sql`alter table challenges_away rename to challenges`.execute(db);
  await at.machine();
  while (at.handedOut === 0) {
    await until(async () => (await sql`select 1`.execute(db)).rows.length === 1 && at.market.clock.sleeping >= 1);
    await at.advance(2_000);
  }
  stopping.abort();
  await running;
  expect(errors()).toBe(1);
});

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let look = 0; look < 1_000; look++) {
    if (await holds()) return;
  }
  throw new TypeError("it never came to hold");
}
