/**
 * One StreamTasks stream at a time, opened by the node, so that it works behind NAT.
 *
 * A stream holds no state that matters: reports live in the outbox, assignments in the executor. A stream that breaks is
 * opened again with a hello that lists what still runs, and everything unanswered is sent again. A server that accepts
 * the connection and then says nothing is dropped after a moment.
 */
import { AppError, errorMessage } from "@cyxwiz/primitives";
import { backoffDelay, type Clock, type Logger } from "@cyxwiz/platform";
import { NODE_ERRORS } from "../errors.ts";
import { RECONNECT_MAX_MS, REPORTS_IN_FLIGHT, STREAM_WELCOME_MS } from "../limits.ts";
import type { CalibrationAnswers } from "../calibration/calibration-answers.ts";
import type { CentralLink } from "./central-link.ts";
import type { ConnectionState } from "./connection-state.ts";
import type {
  Answer,
  Assignment,
  CalibrationTask,
  Hello,
  Lease,
  LiveChange,
  NodeMessage,
  NodeReport,
  ServerMessage,
} from "./messages.ts";
import type { ReportOutbox } from "./report-outbox.ts";

/** What is done with the server's messages. Handlers return at once; long work goes on by itself. */
export interface TaskHandlers {
  hello(): Hello;
  assignment(assignment: Assignment): void;
  cancel(lease: Lease, options: { readonly reason: string; readonly keepModel: boolean }): void;
  change(lease: Lease, change: LiveChange): void;
  /** Absent on a node that answers no challenges: then they are logged and let pass. */
  readonly calibration?: (task: CalibrationTask) => void;
  /** The server no longer counts this assignment: it is dropped without a report. */
  refused(report: NodeReport, answer: Answer): void;
}

export interface TaskStreamOptions {
  readonly link: CentralLink;
  readonly outbox: ReportOutbox;
  readonly answers: CalibrationAnswers;
  readonly handlers: TaskHandlers;
  readonly connection: ConnectionState;
  /** The credential that is good now. */
  readonly credential: () => string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
  readonly reconnectDelayMs: number;
}

/** Keeps a stream open until the signal aborts. Never throws for a failure of the outside world. */
export async function runTaskStream(options: TaskStreamOptions, signal: AbortSignal): Promise<void> {
  const { clock, connection, logger, random, reconnectDelayMs } = options;
  for (let attempt = 1; !signal.aborted; attempt++) {
    const session = new StreamSession(options);
    let problem = "the server closed the stream";
    try {
      await session.run(signal);
    } catch (error) {
      problem = errorMessage(error);
    }
    if (signal.aborted) break;
    if (session.wasWelcome) attempt = 1;
    const wait = backoffDelay(attempt, { firstDelayMs: reconnectDelayMs, maxDelayMs: RECONNECT_MAX_MS, random });
    const delayMs = Math.max(wait, session.reconnectAfterMs);
    connection.lost(problem);
    logger.warn("offline: no stream to the Central Server", { problem, retryInMs: Math.round(delayMs) });
    await clock.sleep(delayMs, signal).catch(() => undefined);
  }
}

/** One stream from hello to its end. */
class StreamSession {
  wasWelcome = false;
  reconnectAfterMs = 0;
  readonly #options: TaskStreamOptions;

  constructor(options: TaskStreamOptions) {
    this.#options = options;
  }

  async run(outer: AbortSignal): Promise<void> {
    const { link, answers, credential, outbox } = this.#options;
    const ended = new AbortController();
    const signal = AbortSignal.any([outer, ended.signal]);
    outbox.restart();
    answers.restart();
    try {
      void this.#watchWelcome(ended, signal);
      for await (const message of link.streamTasks(this.#outgoing(signal), credential(), signal)) this.#handle(message);
    } catch (error) {
      throw ended.signal.aborted ? ended.signal.reason : error;
    } finally {
      ended.abort();
    }
  }

  async *#outgoing(signal: AbortSignal): AsyncGenerator<NodeMessage> {
    const { answers, handlers, outbox } = this.#options;
    yield { kind: "hello", hello: handlers.hello() };
    const aborted = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => aborted.resolve(), { once: true });
    while (!signal.aborted) {
      // Taken before looking, so that a report that comes between is not slept over.
      const changed = [outbox.changed(), answers.changed()];
      for (const answer of answers.take()) yield { kind: "calibration", answer };
      for (const { sequence, report } of outbox.take(REPORTS_IN_FLIGHT)) yield { kind: "report", sequence, report };
      await Promise.race([...changed, aborted.promise]);
    }
  }

  async #watchWelcome(ended: AbortController, signal: AbortSignal): Promise<void> {
    await this.#options.clock.sleep(STREAM_WELCOME_MS, signal).catch(() => undefined);
    if (signal.aborted || this.wasWelcome) return;
    const problem = `no welcome within ${STREAM_WELCOME_MS} ms`;
    ended.abort(new AppError(NODE_ERRORS.CENTRAL_UNREACHABLE, { where: "StreamTasks", problem }));
  }

  #handle(message: ServerMessage): void {
    const { connection, handlers, logger, outbox } = this.#options;
    switch (message.kind) {
      case "welcome":
        this.wasWelcome = true;
        connection.established();
        logger.info("online: the stream of work is open", { leaseSeconds: message.leaseSeconds });
        return;
      case "assignment":
        handlers.assignment(message.assignment);
        return;
      case "cancel":
        handlers.cancel(message, message);
        return;
      case "change":
        handlers.change(message, message.change);
        return;
      case "calibration":
        if (handlers.calibration) handlers.calibration(message.task);
        else this.#ignore("a calibration task", "this node answers none");
        return;
      case "ignored":
        this.#ignore(message.what, message.problem);
        return;
      case "unreadable": {
        const { assignmentId, fencingToken, code, message: text } = message;
        outbox.push({ kind: "declined", assignmentId, fencingToken, code, message: text });
        return;
      }
      case "answer": {
        const report = outbox.answer(message);
        if (report && !message.accepted) handlers.refused(report, message);
        return;
      }
      case "drain":
        this.reconnectAfterMs = message.reconnectAfterMs;
        logger.info("the Central Server is going away; running work goes on", { reason: message.reason });
        return;
    }
  }
  #ignore(what: string, problem: string): void {
    this.#options.logger.warn("a message of the Central Server is let pass", { what, problem });
  }
}
