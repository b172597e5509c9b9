/**
 * One assignment from its inputs to its last report, whatever kind of work it is.
 *
 * Four ways to end: done, failed (with whose fault it is), stopped (cancelled by the server, or this node is going away),
 * and dropped (the server no longer counts the work: nothing more is reported). The device is given back before the last
 * report is answered; the work folder goes at the end of `run`.
 */
import { errorMessage } from "@cyxwiz/primitives";
import type { Assignment, LiveChange, NodeReport } from "../central/messages.ts";
import type { DeviceLease } from "../devices/device-pool.ts";
import { failureOf } from "./failure-blame.ts";
import { Rerun } from "./rerun.ts";
import type { RunContext } from "./run-context.ts";
import { type Stop, stoppedReport } from "./stop-request.ts";
import { Training } from "./training.ts";
import { openWorkFolder } from "./work-folder.ts";
import { type Work, WorkSite } from "./work-site.ts";

export class AssignmentRun {
  readonly assignment: Assignment;
  readonly #device: DeviceLease;
  readonly #site: WorkSite;
  readonly #work: Work;
  readonly #dropped = new AbortController();

  constructor(assignment: Assignment, device: DeviceLease, context: RunContext) {
    this.assignment = assignment;
    this.#device = device;
    this.#site = new WorkSite({ assignment, device, context });
    this.#work = assignment.kind === "TRAIN" ? new Training(assignment, this.#site) : new Rerun(assignment, this.#site);
  }

  /** The last report, or undefined when there is none to make. Never throws for a failure of the outside world. */
  async run(outer: AbortSignal): Promise<NodeReport | undefined> {
    const site = this.#site;
    const { dataDir, logger } = site.context;
    const { assignmentId, jobId } = this.assignment;
    const signal = AbortSignal.any([outer, this.#dropped.signal]);
    using _device = this.#device;
    try {
      await using folder = await openWorkFolder(dataDir, assignmentId);
      const last = await this.#work.run(folder.path, signal);
      return signal.aborted ? undefined : site.report(last);
    } catch (error) {
      if (signal.aborted) return undefined;
      logger.warn("an assignment broke off", { assignmentId, jobId, problem: errorMessage(error) });
      const { asked } = site.stop;
      if (asked) return site.report(stoppedReport(asked, site.step));
      return site.report({ kind: "failed", ...failureOf(error), step: site.step });
    }
  }

  /** Last step that is done. */
  get step(): number {
    return this.#site.step;
  }

  /** Asks for a cooperative end; the first request counts, except that a cancel overrides a drain. */
  stop(stop: Stop): void {
    this.#site.stop.ask(stop);
  }

  /** Hands on a change by the user. */
  change(change: LiveChange): void {
    if (this.#work.change) return this.#work.change(change);
    const { assignmentId } = this.assignment;
    const { logger } = this.#site.context;
    logger.warn("a change for a re-run is let pass", { assignmentId, changeId: change.changeId });
  }

  /** True once it was asked to end: its device is free in a moment. */
  get isEnding(): boolean {
    return this.#site.stop.signal.aborted || this.#dropped.signal.aborted;
  }

  /** Ends the work without a report. */
  drop(): void {
    this.#dropped.abort();
  }
}
