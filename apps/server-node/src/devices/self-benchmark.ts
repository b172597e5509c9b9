/**
 * The speed of every shared unit, measured once and kept in the data folder, so that a restart starts at once.
 *
 * A measurement is good for one hardware class, build, lowering and number of threads; anything else is measured anew. A
 * GPU is offered only where the driver can train on it: a device that would run its work elsewhere must not be sold.
 */
import { join } from "node:path";
import { errorMessage } from "@cyxwiz/primitives";
import { z } from "zod";
import { BENCHMARKS_KEPT } from "../limits.ts";
import { readPrivateFile, writePrivateFile } from "../identity/private-file.ts";
import type { TrainingDriver } from "../jobs/trainer.ts";
import type { Allocation } from "./allocation.ts";
import type { UnitOffer, UnitSpeed } from "./unit-offer.ts";

interface Measured extends UnitSpeed {
  readonly threads: number;
}

const measuredSchema: z.ZodType<Measured[]> = z.array(
  z.object({
    trainFlopsPerSecond: z.number().positive(),
    lowering: z.string(),
    build: z.string(),
    hardwareClass: z.string(),
    threads: z.number().int(),
  }),
);

/** Cost: up to half a second per unit that was not measured before. */
export async function measureUnits(
  allocations: readonly Allocation[],
  options: { readonly dataDir: string; readonly driver: TrainingDriver; readonly signal: AbortSignal },
): Promise<readonly UnitOffer[]> {
  const file = join(options.dataDir, "benchmarks.json");
  const known = await readMeasured(file);
  const offers: UnitOffer[] = [];
  // One after the other: two measurements at once would slow each other down.
  for (const allocation of allocations) {
    const offer = await measureUnit(allocation, known, options);
    if (offer.kind === "ready") remember(known, { ...offer.speed, threads: allocation.threads });
    offers.push(offer);
  }
  await writePrivateFile(file, JSON.stringify(known, null, 2));
  return offers;
}

async function measureUnit(
  allocation: Allocation,
  known: readonly Measured[],
  { driver, signal }: { readonly driver: TrainingDriver; readonly signal: AbortSignal },
): Promise<UnitOffer> {
  const { deviceType, threads } = allocation;
  if (!driver.devices.includes(deviceType)) {
    const reason = `the training driver ${driver.abilities.build} does not run on a ${deviceType.toUpperCase()}`;
    return { kind: "not-offered", allocation, reason };
  }
  const found = known.find((measured) => measured.threads === threads && isOfThisBuild(measured, driver));
  if (found) {
    const { threads: _, ...speed } = found;
    return { kind: "ready", allocation, speed };
  }
  try {
    return { kind: "ready", allocation, speed: await driver.measure(threads, signal) };
  } catch (error) {
    signal.throwIfAborted();
    return { kind: "not-offered", allocation, reason: `its self-test failed: ${errorMessage(error)}` };
  }
}

function isOfThisBuild(measured: Measured, { abilities }: TrainingDriver): boolean {
  const { build, hardwareClass, lowerings } = abilities;
  return measured.build === build && measured.hardwareClass === hardwareClass && lowerings.includes(measured.lowering);
}

function remember(known: Measured[], fresh: Measured): void {
  const isSame = (other: Measured): boolean =>
    (["lowering", "build", "hardwareClass", "threads"] as const).every((key) => other[key] === fresh[key]);
  const rest = known.filter((other) => !isSame(other)).slice(-(BENCHMARKS_KEPT - 1));
  known.splice(0, known.length, ...rest, fresh);
}

/** A damaged file costs a new measurement, nothing else. */
async function readMeasured(file: string): Promise<Measured[]> {
  const text = await readPrivateFile(file);
  try {
    return measuredSchema.parse(JSON.parse(text ?? "[]"));
  } catch {
    return [];
  }
}
