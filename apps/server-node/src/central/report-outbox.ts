/**
 * Reports on their way to the server: kept until they are answered, sent again after a reconnect, so that a restart of
 * the server loses none.
 *
 * Progress is the exception: only the newest of an assignment counts, so one that waits is replaced and one that was sent
 * is forgotten. Reports of one assignment keep their order. Sequences belong to one stream, so a reconnect numbers anew.
 */
import { PROGRESS_IN_FLIGHT, WAITING_REPORTS } from "../limits.ts";
import type { Answer, NodeReport } from "./messages.ts";

/** Reports of work that goes on; every other kind comes once per assignment, or ends one. */
const ON_THE_WAY: ReadonlySet<NodeReport["kind"]> = new Set(["progress", "checkpoint", "changed"]);

interface Waiting {
  readonly report: NodeReport;
  /** 0 until it is sent on the current stream. */
  sequence: bigint;
  readonly answered: PromiseWithResolvers<Answer> | undefined;
}

export class ReportOutbox {
  #waiting: Waiting[] = [];
  #sequence = 0n;
  #changed = Promise.withResolvers<void>();

  /** How many wait for their answer, progress included. */
  get size(): number {
    return this.#waiting.length;
  }

  /**
   * Queues a report. False when the outbox is full: then the server has been away for hours, and the work has to stop.
   * Ends of assignments and declines always fit: there is one per assignment.
   */
  push(report: NodeReport): boolean {
    return this.#add(report, undefined);
  }

  /** As `push`, and resolves with the server's answer, over any number of reconnects. @throws the signal's reason. */
  async deliver(report: NodeReport, signal: AbortSignal): Promise<Answer> {
    signal.throwIfAborted();
    const answered = Promise.withResolvers<Answer>();
    this.#add(report, answered);
    const abort = (): void => answered.reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    try {
      return await answered.promise;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  /** A new stream: what was sent and not answered is due again, in its order. Progress that was sent is not. */
  restart(): void {
    this.#waiting = this.#waiting.filter((entry) => entry.sequence === 0n || entry.report.kind !== "progress");
    for (const entry of this.#waiting) entry.sequence = 0n;
    this.#sequence = 0n;
    this.#wake();
  }

  /** The next reports to send, numbered; at most `limit` are unanswered at once. */
  take(limit: number): readonly { readonly sequence: bigint; readonly report: NodeReport }[] {
    let inFlight = this.#waiting.filter((entry) => entry.sequence > 0n).length;
    const due: { sequence: bigint; report: NodeReport }[] = [];
    for (const entry of this.#waiting) {
      if (entry.sequence > 0n || inFlight >= limit) continue;
      entry.sequence = ++this.#sequence;
      inFlight++;
      due.push({ sequence: entry.sequence, report: entry.report });
    }
    return due;
  }

  /** Takes an answer in and gives the report that it is about; undefined for one that nobody waits for. */
  answer(answer: Answer): NodeReport | undefined {
    const found = this.#waiting.find((entry) => entry.sequence > 0n && entry.sequence === answer.sequence);
    if (!found) return undefined;
    this.#waiting = this.#waiting.filter((entry) => entry !== found);
    found.answered?.resolve(answer);
    this.#wake();
    return found.report;
  }

  /** Drops what still waits of one assignment: the server has said that it no longer counts. */
  forget(assignmentId: string, answer: Answer): void {
    const dropped = this.#waiting.filter((entry) => entry.report.assignmentId === assignmentId);
    this.#waiting = this.#waiting.filter((entry) => entry.report.assignmentId !== assignmentId);
    for (const entry of dropped) entry.answered?.resolve(answer);
    this.#wake();
  }

  /** Resolves when there may be something new to take. */
  async changed(): Promise<void> {
    await this.#changed.promise;
  }

  #add(report: NodeReport, answered: PromiseWithResolvers<Answer> | undefined): boolean {
    if (report.kind === "progress") this.#dropOldProgress(report.assignmentId);
    if (ON_THE_WAY.has(report.kind) && this.#waiting.length >= WAITING_REPORTS) return false;
    this.#waiting.push({ report, sequence: 0n, answered });
    this.#wake();
    return true;
  }

  /** The unsent one gives way to a newer; of the sent ones a few stay, so that a late refusal still finds its report. */
  #dropOldProgress(assignmentId: string): void {
    const own = this.#waiting.filter(
      (entry) => entry.report.kind === "progress" && entry.report.assignmentId === assignmentId,
    );
    const sent = own.filter((entry) => entry.sequence > 0n);
    const dropped = new Set([
      ...own.filter((entry) => entry.sequence === 0n),
      ...sent.slice(0, -(PROGRESS_IN_FLIGHT - 1)),
    ]);
    if (dropped.size > 0) this.#waiting = this.#waiting.filter((entry) => !dropped.has(entry));
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }
}
