/**
 * The gate of liars, hardware: nodes that sell devices which they do not have, or which somebody else sells too.
 *
 * Nobody looks at a device. The server asks it to compute, measures the time, checks the answer, and quotes by that.
 * Everything is real but the minutes between two challenges: the market's clock leaps over them.
 */
import { costOn, timeBand, type JobNeeds } from "@cyxwiz/market";
import { defined, parseAmount } from "@cyxwiz/primitives";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Holding, honest, miscounting, SharedDevice } from "./liars/hardware-calibrators.ts";
import { HardwareMarket, type Device } from "./liars/hardware-market.ts";

const GIGA = 1e9;
const MINUTE_MS = 60_000;

let market: HardwareMarket;

beforeAll(async () => {
  market = await HardwareMarket.start();
});

afterAll(async () => {
  await market[Symbol.asyncDispose]();
});

test("a processor that poses as a GPU of 80 TFLOPS is shown and quoted as the processor that it is", async () => {
  const claimed = 80_000 * GIGA;
  await using poser = await market.node({
    name: "poser",
    claim: { deviceType: "gpu", deviceName: "RTX 9090", flopsPerSecond: claimed },
  });
  expect(await market.device(poser)).toMatchObject({
    device_type: "gpu",
    train_gflops: claimed / GIGA,
    calibration: { challenged_at: null, curve: [] },
  });
  const believed = await market.quote(poser, "gpu");

  const measured = await market.challenged(poser);
  expect(measured).toMatchObject({ device_type: "gpu", name: "RTX 9090", status: "active" });
  const { curve } = measured.calibration;
  expect(curve.map(({ size }) => size)).toEqual([512, 1_024, 2_048]);
  const speed = defined(measured.train_gflops, "a measured speed");
  expect(speed).toBe(peakOf(measured));
  expect(speed).toBeGreaterThan(0);
  expect(speed).toBeLessThan(claimed / GIGA / 100);

  const { best, cost, amount } = await market.quote(poser, "gpu");
  const needs: JobNeeds = {
    trainFlops: cost.train_flops,
    peakMemoryBytes: cost.peak_memory_bytes,
    datasetBytes: cost.dataset_bytes,
    device: "gpu",
  };
  const pricePerHour = parseAmount(measured.price_per_hour);
  expect(best.seconds_expected).toBe(timeBand(needs, speed * GIGA).p50);
  expect(parseAmount(amount)).toBe(costOn(needs, { pricePerHour, trainFlopsPerSecond: speed * GIGA }));
  expect(best.seconds_expected).toBeGreaterThan(20 * believed.best.seconds_expected);
  expect(parseAmount(amount)).toBeGreaterThan(20n * parseAmount(believed.amount));
});

test("a node that answers wrongly is broken until it answers rightly, whatever it says of itself", async () => {
  let lies = true;
  await using liar = await market.node({
    name: "liar",
    startCalibrator: () => (lies ? miscounting() : honest()),
  });
  const { quote_id } = await market.quote(liar);
  await market.untilAsked(() => liar.asked);
  await market.until(
    () => market.device(liar),
    ({ status }) => status === "error",
  );
  const wrongAt = market.clock.now();
  const broken = { status: "error", calibration: { challenged_at: null, curve: [] } };
  expect(await market.device(liar)).toMatchObject(broken);
  expect(await liar.statusReason()).toContain("a challenge was answered wrongly");
  expect(market.logged("a unit failed its challenge", liar)).toMatchObject([{ outcome: "failed" }]);

  // A job that was quoted when nobody knew goes to it no more.
  const job = await market.submit(quote_id);
  for (const state of ["PAUSED", "ACTIVE", "ERROR", "ACTIVE"] as const) await liar.beat(state);
  expect(await market.device(liar)).toMatchObject(broken);
  expect(await liar.register()).toMatchObject([{ status: "error" }]);
  await liar.register({ shares: false });
  expect(await liar.register()).toMatchObject([{ status: "error" }]);
  const asked = liar.asked;
  await market.skip(50_000);
  expect(await market.device(liar)).toMatchObject(broken);
  await expect(market.quote(liar)).rejects.toMatchObject({
    context: { body: { details: { reason: "central/no-unit-fits" } } },
  });
  expect(await market.job(job)).toMatchObject({
    state: "ESCROWED",
    node: null,
    waiting_because: expect.stringContaining("error"),
  });
  expect([liar.offered, liar.asked]).toEqual([[], asked]);
  await market.cancel(job);

  lies = false;
  const healed = await market.challenged(liar);
  expect(market.clock.now() - wrongAt).toBeGreaterThanOrEqual(MINUTE_MS);
  expect(healed).toMatchObject({ status: "active" });
  expect(await liar.statusReason()).toBeNull();
  expect(await market.quote(liar)).toMatchObject({ best: { node_id: liar.id } });
});

test("one device that two owners sell is quoted at half by both, so that it is paid once", async () => {
  await using device = new SharedDevice(4 * GIGA);
  const sold = {
    ipAddress: "203.0.113.9",
    // Training reaches about a third of what bare products do.
    claim: { deviceType: "cpu", deviceName: "the device", flopsPerSecond: 1.3 * GIGA },
    startCalibrator: () => device.calibrator(),
  } as const;
  await using first = await market.node({ ...sold, name: "first" });
  const nodes = [{ node: first, alone: await market.challenged(first), quoted: await market.quote(first) }];
  await using second = await market.node({ ...sold, name: "second" });
  nodes.push({ node: second, alone: await market.challenged(second), quoted: await market.quote(second) });
  for (const { alone } of nodes) {
    expect(peakOf(alone)).toBeGreaterThan(0.6 * 4);
    expect(alone.train_gflops).toBe(1.3);
  }

  await market.skip(50_000);
  await market.untilAsked(() => first.asked + second.asked);
  let soldNow = 0;
  for (const { node, alone, quoted } of nodes) {
    const shown = await market.measured(node, alone);
    const share = peakOf(shown) / peakOf(alone);
    expect(share).toBeGreaterThan(0.3);
    expect(share).toBeLessThan(0.75);
    expect(shown.status).toBe("active");
    expect(shown.train_gflops).toBeCloseTo(1.3 * share, 6);
    const { best } = await market.quote(node);
    expect(best.seconds_expected / quoted.best.seconds_expected).toBeCloseTo(1 / share, 1);
    soldNow += shown.train_gflops ?? 0;
  }
  expect(soldNow).toBeLessThan(1.3 * 1.5);
});

test("a unit that gets work in the middle of a challenge is busy: it trains on, loses nothing, and is asked again", async () => {
  const held = new Holding();
  await using worker = await market.worker("worker", held);
  const { quote_id } = await market.quote(worker);
  await market.untilAsked(() => worker.asked);
  const askedAt = market.clock.now();
  const job = await market.submit(quote_id);
  await market.until(
    () => market.job(job),
    ({ step, state }) => state === "RUNNING" && step > 0,
  );
  expect(held.ended).toBe(1);
  expect(market.logs.lines.map(({ message }) => message)).toContain("a challenge has to wait: the unit works");
  const busy = await market.device(worker);
  expect(busy).toMatchObject({ status: "active", calibration: { challenged_at: null } });
  await market.cancel(job);

  held.isOpen = true;
  await market.untilAsked(() => worker.asked);
  // An answer that counts against it would have been followed by a minute.
  expect(market.clock.now() - askedAt).toBeLessThan(MINUTE_MS);
  const measured = await market.measured(worker, busy);
  expect(measured.status).toBe("active");
  expect(peakOf(measured)).toBeGreaterThan(0);
});

/** The best of the curve, in 10⁹ operations a second. */
function peakOf({ calibration }: Device): number {
  return Math.max(...calibration.curve.map(({ gflops }) => gflops));
}
