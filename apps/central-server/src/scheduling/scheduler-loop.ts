/**
 * The scheduler's loop: load a snapshot, plan, make the placements real, hand them out.
 *
 * It is woken by what changes its answer (a job is escrowed, a node is there, a unit is free), many wakes are one pass,
 * and it looks by itself at every polling interval. What to place where is decided by market's `plan`, which is pure.
 */
import { errorMessage, type AssignmentId, type JobId, type NodeId } from "@cyxwiz/primitives";
import type { Logger } from "@cyxwiz/platform";
import { plan } from "@cyxwiz/market";
import type { FleetUnit } from "./fleet-query.ts";
import { JOBS_PER_PASS } from "./limits.ts";
import { placeJob, type Placed, type PlaceOptions } from "./place-job.ts";
import { readQueue } from "./queue-query.ts";

export interface SchedulerOptions extends PlaceOptions {
  readonly logger: Logger;
  readonly pollingIntervalMs: number;
  readonly readFleet: () => Promise<readonly FleetUnit[]>;
  /** Hands a fresh assignment to its node. */
  readonly handOut: (assignmentId: AssignmentId, nodeId: NodeId) => Promise<void>;
  readonly onPlaced: (jobId: JobId) => void;
}

export class SchedulerLoop {
  readonly #options: SchedulerOptions;
  #wake = new AbortController();

  constructor(options: SchedulerOptions) {
    this.#options = options;
  }

  /** Something changed: look now. Never waits. */
  readonly wake = (): void => {
    this.#wake.abort();
  };

  /** Runs until the signal aborts; a pass that has begun is finished. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger, pollingIntervalMs } = this.#options;
    while (!signal.aborted) {
      this.#wake = new AbortController();
      try {
        const isMore = await this.pass();
        if (isMore) continue;
      } catch (error) {
        logger.error("a scheduling pass failed; the next one tries again", { error: errorMessage(error) });
      }
      await clock.sleep(pollingIntervalMs, AbortSignal.any([signal, this.#wake.signal])).catch(() => undefined);
    }
  }

  /** One pass over the queue. True when jobs were placed and more may be waiting than one pass looks at. */
  async pass(): Promise<boolean> {
    const { db, maxJobsPerNode, readFleet, onPlaced, logger } = this.#options;
    const waiting = await db
      .selectFrom("jobs")
      .select("id")
      .where("state", "=", "ESCROWED")
      .limit(1)
      .executeTakeFirst();
    if (!waiting) return false;
    const fleet = withoutFullNodes(await readFleet(), maxJobsPerNode);
    const queue = await readQueue(db, fleet);
    const { placements } = plan(fleet, queue);
    const units = new Map<string, FleetUnit>(fleet.map((unit) => [unit.unitId, unit]));
    let placed = 0;
    for (const placement of placements) {
      const made = await placeJob(this.#options, placement, units);
      if (!made) continue;
      placed++;
      onPlaced(placement.jobId);
      await this.#handOut(made);
    }
    if (placed > 0) logger.info("jobs placed", { placed, waiting: queue.length - placed });
    return placed > 0 && queue.length === JOBS_PER_PASS;
  }

  /** One that cannot be handed out (it was cancelled just now) keeps no other waiting. */
  async #handOut({ assignmentId, nodeId }: Placed): Promise<void> {
    try {
      await this.#options.handOut(assignmentId, nodeId);
    } catch (error) {
      this.#options.logger.warn("an assignment was not handed out", {
        assignmentId,
        nodeId,
        error: errorMessage(error),
      });
    }
  }
}

/** A node that has all the jobs it may have takes no more on any of its units. */
function withoutFullNodes(fleet: readonly FleetUnit[], maxJobsPerNode: number): readonly FleetUnit[] {
  const loads = new Map<NodeId, number>();
  for (const unit of fleet) loads.set(unit.nodeId, (loads.get(unit.nodeId) ?? 0) + unit.activeJobs);
  return fleet.map((unit) => {
    const isFull = (loads.get(unit.nodeId) ?? 0) >= maxJobsPerNode;
    return isFull && unit.activeJobs === 0 ? { ...unit, online: false } : unit;
  });
}
