/**
 * Nodes that are honest and have a bad day: throttled, busy, interrupted and resumed, with changes that come when they
 * come. Whatever interval of such a run is drawn, its replay must give the hash that the node committed.
 */
import { join } from "node:path";
import { defined, PhiloxStream, STREAM } from "@cyxwiz/primitives";
import { expect, test } from "vitest";
import { clockOf, type Of, ofKind, replayed, trained } from "./run-job.fixture.ts";
import { tinyJob } from "./tiny-job.fixture.ts";
import type { TrainingChange, TrainingEvent, TrainingJob } from "./training-job.ts";

const RUNS = 200;
/** Attempts at one job; the last one is left alone, so that every run ends. */
const ATTEMPTS = 4;

/** A whole number from 0, below the argument. */
type Draw = (below: number) => number;

/** A change as a user makes it: it waits until a node takes it. */
function drawChange(draw: Draw, id: string): TrainingChange {
  return {
    id,
    ...(draw(2) === 0 ? { learningRate: 0.001 * (1 + draw(30)) } : {}),
    ...(draw(2) === 0 ? { batchSize: [2, 4, 8][draw(3)] ?? 8 } : {}),
  };
}

/** The market's side of one job: what was committed, and which changes took effect where. */
class HonestRun {
  readonly committed: Of<"checkpoint">[] = [];
  readonly initialSha256: Set<string> = new Set();
  readonly #job: TrainingJob;
  readonly #draw: Draw;
  /** Threads of the attempt that committed each step. */
  readonly #threads = new Map<number, number>();
  #changes: readonly TrainingChange[] = [];
  #drawn = 0;

  constructor(job: TrainingJob, draw: Draw) {
    this.#job = job;
    this.#draw = draw;
  }

  async train(): Promise<void> {
    for (let attempt = 1; this.committed.at(-1)?.step !== 20; attempt++) await this.#attempt(attempt === ATTEMPTS);
  }

  /** Replays the interval that ends with a checkpoint. */
  async replay(at: number): Promise<readonly TrainingEvent[]> {
    const { step: toStep } = defined(this.committed[at], "the end of the interval");
    const replay = { toStep, withModel: false };
    // Each attempt may have had other threads; its steps are run again with as many.
    const threads = defined(this.#threads.get(toStep), `the threads of step ${toStep}`);
    const job = { ...this.#jobFrom(this.committed[at - 1]), threads };
    return trained({ ...job, changes: this.#changes, replay }, this.#weather());
  }

  #jobFrom(checkpoint: Of<"checkpoint"> | undefined): TrainingJob {
    return { ...this.#job, ...(checkpoint ? { resumeFrom: checkpoint.path } : {}) };
  }

  /** A clock that stands still, ticks or jumps, so that runs have every length. */
  #weather() {
    return { clock: clockOf(() => [0, 0, 1, 5, 40, 400][this.#draw(6)] ?? 0) };
  }

  /** The node may be drained (it ends with a checkpoint) or lost (what it did since the last one is gone). */
  async #attempt(isLast: boolean): Promise<void> {
    const endsAt = isLast ? Number.POSITIVE_INFINITY : 1 + this.#draw(12);
    const isDrained = this.#draw(2) === 0;
    const threads = 1 + this.#draw(3);
    let runs = 0;
    const taken: TrainingChange[] = [];
    const takeChanges = (): readonly TrainingChange[] => {
      if (this.#draw(6) > 0) return [];
      taken.push(drawChange(this.#draw, String(this.#drawn++)));
      return taken.slice(-1);
    };
    const events = await trained(
      { ...this.#jobFrom(this.committed.at(-1)), threads, changes: this.#changes },
      {
        ...this.#weather(),
        isStopped: () => isDrained && runs >= endsAt,
        memory: { usedBytes: () => (++runs >= endsAt && !isDrained ? 2 : 0), limitBytes: 1 },
        takeChanges,
      },
    );
    const failed = ofKind(events, "failed")[0];
    if (failed) expect(failed).toMatchObject({ blame: "node", code: "backend/memory-exceeded" });
    for (const { initialSha256 } of ofKind(events, "started")) this.initialSha256.add(initialSha256);
    const committed = ofKind(events, "checkpoint");
    this.committed.push(...committed);
    for (const { step } of committed) this.#threads.set(step, threads);
    this.#record(taken, ofKind(events, "changed"));
  }

  /** A change behind the last checkpoint is made again: at its step, or whenever the next node comes to it. */
  #record(taken: readonly TrainingChange[], changed: readonly Of<"changed">[]): void {
    const last = this.committed.at(-1)?.step ?? 0;
    const isRepeated = this.#draw(2) === 0;
    this.#changes = [...this.#changes, ...taken].map(({ step: known, ...change }) => {
      const step = changed.find(({ id }) => id === change.id)?.step ?? known;
      return step === undefined || (step >= last && !isRepeated) ? change : { ...change, step };
    });
  }
}

test(
  `[TR12] of ${RUNS} honest runs under load, throttled, interrupted and resumed, none is refused`,
  { timeout: 120_000 },
  async () => {
    const job = await tinyJob({ epochs: 2, checkpointEverySteps: 4 });
    let resumed = 0;
    for (let seed = 0; seed < RUNS; seed++) {
      const random = new PhiloxStream(BigInt(seed), STREAM.simulation, 0);
      const draw: Draw = (below) => Math.floor(random.nextUnit() * below);
      const run = new HonestRun({ ...job, seed: String(seed), outputDir: join(job.outputDir, String(seed)) }, draw);
      await run.train();
      const at = draw(run.committed.length);
      const { endSha256 } = replayed(await run.replay(at));
      expect(endSha256, `seed ${seed}, interval ${at}`).toBe(run.committed[at]?.sha256);
      expect(run.initialSha256.size, `seed ${seed}`).toBe(1);
      if (run.committed.length > 5) resumed++;
    }
    expect(resumed).toBeGreaterThan(RUNS / 10);
  },
);
