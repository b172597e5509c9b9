/**
 * The scheduler's loop: load a snapshot, plan, make the placements real, hand them out.
 *
 * It is woken by what changes its answer (a job is escrowed, a node is there, a unit is free); `PacedPasses` says when it
 * looks. What to place where is decided by market's `plan`, which is pure.
 */
import { errorMessage, type AssignmentId, type JobId, type NodeId } from "@cyxwiz/primitives";
import type { Logger } from "@cyxwiz/platform";
import { plan } from "@cyxwiz/market";
import type { VerifierPlacement } from "../verification/verifier-placement.ts";
import { forTraining, type FleetUnit } from "./fleet-query.ts";
import { JOBS_PER_PASS } from "./limits.ts";
import { PacedPasses, type PassOutcome } from "./paced-passes.ts";
import { placeJob, type Placed, type PlaceOptions } from "./place-job.ts";
import { readQueue } from "./queue-query.ts";

export interface SchedulerOptions extends PlaceOptions {
  readonly logger: Logger;
  readonly pollingIntervalMs: number;
  readonly readFleet: () => Promise<readonly FleetUnit[]>;
  /** Hands a fresh assignment to its node. */
  readonly handOut: (assignmentId: AssignmentId, nodeId: NodeId) => Promise<void>;
  readonly onPlaced: (jobId: JobId) => void;
  /** Re-runs are short and somebody waits for their verdict: they go before new jobs. */
  readonly verifiers: Pick<VerifierPlacement, "pass">;
}

export class SchedulerLoop {
  readonly #options: SchedulerOptions;
  readonly #paced: PacedPasses;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#paced = new PacedPasses({ ...options, pass: async () => this.pass() });
  }

  /** Something changed: look at the queue again. Never waits. */
  readonly wake = (): void => {
    this.#paced.wake();
  };

  /** Runs until the signal aborts; a pass that has begun is finished. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#paced.run(signal);
  }

  /** One pass over the queue, and what it leaves there. */
  async pass(): Promise<PassOutcome> {
    const { db, maxJobsPerNode, readFleet, onPlaced, logger, verifiers } = this.#options;
    const reruns = await verifiers.pass(readFleet);
    for (const made of reruns.placed) await this.#handOut(made);
    const idle = reruns.waiting > 0 ? "waiting" : "idle";
    const waiting = await db
      .selectFrom("jobs")
      .select("id")
      .where("state", "=", "ESCROWED")
      .limit(1)
      .executeTakeFirst();
    if (!waiting) return idle;
    const fleet = withoutFullNodes(forTraining(await readFleet()), maxJobsPerNode);
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
    if (placed > 0 && queue.length === JOBS_PER_PASS) return "more";
    return placed < queue.length ? "waiting" : idle;
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
