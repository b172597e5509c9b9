/**
 * Benchmark of the pure scheduler: one round over 10,000 nodes and 100,000 queued jobs.
 *
 * Prints placements per second (indexing, ordering and the jobs that find no unit included) and how the cost of a
 * placement grows from 1,000 to 10,000 nodes, where O(log n) gives about 1.3 and a scan 10. Exits 1 below the bar.
 *
 * Run: npm run bench -- scheduler
 */
import {
  costOn,
  deviceKey,
  plan,
  type DeviceType,
  type JobNeeds,
  type QueuedJob,
  type UnitSnapshot,
} from "@cyxwiz/market";
import { median, reportFigure } from "./figure.ts";
import { amount, parseJobId, parseNodeId, parseUnitId, parseUserId, PhiloxStream, STREAM } from "@cyxwiz/primitives";

const MIN_PLACEMENTS_PER_SECOND = 10_000;
/** Ten times the nodes may cost a placement at most this much more: logarithm and caches, not a scan. */
const MAX_COST_RATIO = 3;
const ROUNDS = 5;
const JOBS_PER_NODE = 10;
const GIB = 2 ** 30;
const SEED = 2026n;

interface Market {
  readonly units: readonly UnitSnapshot[];
  readonly jobs: readonly QueuedJob[];
}

/** A network like a real one: every node a CPU, two thirds one or two GPUs, three builds, prices a factor of 4 apart. */
function marketOf(nodes: number): Market {
  const random = new PhiloxStream(SEED, STREAM.simulation, nodes);
  const units: UnitSnapshot[] = [];
  for (let node = 0; node < nodes; node++) {
    const gpus = random.nextBelow(3);
    units.push(unitOf(node, "cpu", 0, random));
    for (let gpu = 0; gpu < gpus; gpu++) units.push(unitOf(node, "gpu", gpu, random));
  }
  const jobs = Array.from({ length: nodes * JOBS_PER_NODE }, (_, number) => jobOf(number, units, random));
  return { units, jobs };
}

function uuid(kind: number, number: number): string {
  return `${kind.toString(16).padStart(8, "0")}-0000-4000-8000-${number.toString(16).padStart(12, "0")}`;
}

function unitOf(node: number, deviceType: DeviceType, device: number, random: PhiloxStream): UnitSnapshot {
  const size = 4 * (1 + random.nextBelow(8));
  const isGpu = deviceType === "gpu";
  const capacity = isGpu ? size * GIB : size;
  const speed = (isGpu ? 2e12 : 2e10) * (0.5 + random.nextUnit()) * size;
  const price = (isGpu ? 20_000_000 : 5_000_000) * (0.5 + 1.5 * random.nextUnit()) * size;
  return {
    unitId: parseUnitId(`unit_${deviceType}${device}_${node.toString(36).padStart(8, "0")}`),
    nodeId: parseNodeId(uuid(1, node)),
    ownerId: parseUserId(uuid(2, node)),
    deviceType,
    deviceKey: deviceKey(`machine${node}`, deviceType, device),
    deviceCapacity: capacity,
    allocatedCapacity: capacity,
    memoryBytes: size * GIB,
    pricePerHour: amount(BigInt(Math.round(price))),
    trainFlopsPerSecond: speed,
    reputation: 5_000 + random.nextBelow(5_001),
    activeJobs: 0,
    isNew: node % 10 === 0,
    status: "ACTIVE",
    online: random.nextBelow(20) > 0,
    lowerings: [isGpu ? "torch-cuda" : `ort-cpu-${random.nextBelow(3)}`],
    priority: 0,
  };
}

/** Jobs of a minute to some hours, quoted on some unit that fits, as the quote service does. */
function jobOf(number: number, units: readonly UnitSnapshot[], random: PhiloxStream): QueuedJob {
  const quotedOn = units[random.nextBelow(units.length)] as UnitSnapshot;
  const hours = 0.02 * 100 ** random.nextUnit();
  const needs: JobNeeds = {
    trainFlops: quotedOn.trainFlopsPerSecond * 3600 * hours,
    peakMemoryBytes: quotedOn.memoryBytes * random.nextUnit(),
    datasetBytes: random.nextUnit() * GIB,
    device: random.nextBelow(4) === 0 ? "any" : quotedOn.deviceType,
  };
  return {
    jobId: parseJobId(uuid(3, number)),
    submitter: parseUserId(uuid(4, random.nextBelow(5_000))),
    needs,
    quoted: costOn(needs, quotedOn),
    bannedNodes: [],
    submittedAt: number * 10,
    priority: random.nextBelow(3),
  };
}

interface Measured {
  readonly placements: number;
  readonly unplaced: number;
  readonly seconds: number;
}

/** The median of several rounds, after one to warm up. */
function measure(market: Market): Measured {
  const times: number[] = [];
  let result = plan(market.units, market.jobs);
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    result = plan(market.units, market.jobs);
    times.push((performance.now() - start) / 1000);
  }
  const seconds = median(times);
  return { placements: result.placements.length, unplaced: result.unplaced.length, seconds };
}

const small = measure(marketOf(1_000));
const large = measure(marketOf(10_000));
const rate = large.placements / large.seconds;
const ratio = large.seconds / large.placements / (small.seconds / small.placements);

reportFigure({
  name: "scheduler: placements, 10,000 nodes, 100,000 jobs",
  figure: rate,
  unit: "placements/s",
  comparison: "at least",
  threshold: MIN_PLACEMENTS_PER_SECOND,
  note: `${large.placements} placed, ${large.unplaced} waiting, in ${large.seconds.toFixed(2)} s`,
});
reportFigure({
  name: "scheduler: cost of a placement, 10,000 against 1,000 nodes",
  figure: ratio,
  unit: "×",
  comparison: "at most",
  threshold: MAX_COST_RATIO,
});
