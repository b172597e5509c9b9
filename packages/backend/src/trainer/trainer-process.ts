/**
 * A training in a process of its own: native code may block or abort there without harm to the caller.
 *
 * The process gets no environment, dies with its parent, and whatever way it ends there is a last event: an end without
 * "finished", "replayed" or "failed" becomes "failed" with the node to blame. It is not a sandbox.
 */
import type { ChildProcess } from "node:child_process";
import { BoundedQueue, type Clock, systemClock } from "@cyxwiz/platform";
import { AppError, errorMessage } from "@cyxwiz/primitives";
import { BACKEND_ERRORS } from "../errors.ts";
import { MESSAGE_CHARACTERS, STOP_GRACE_MS, WAITING_EVENTS, WAITING_PROGRESS_EVENTS } from "../limits.ts";
import { ErrorTail, startChild } from "./child-process.ts";
import type { FromTrainer, ToTrainer } from "./trainer-message.ts";
import type { TrainingChange, TrainingEvent, TrainingJob } from "./training-job.ts";

export interface TrainerProcess extends AsyncDisposable {
  /** Ends after "finished", "replayed" or "failed". One reader. Progress that nobody reads in time is dropped, nothing else is. */
  readonly events: AsyncIterable<TrainingEvent>;
  /**
   * Sends a change. It takes effect between two runs of steps, in the order in which changes were sent, and a "changed"
   * event says after which step; there is none when the training ends before. One that the job does not allow fails the
   * job (`backend/setting-invalid`): whoever sends it has checked it.
   */
  change(change: TrainingChange): void;
  /**
   * Asks for a last checkpoint and the model as it is now, and waits until the process is gone; after STOP_GRACE_MS it
   * is killed. The last events tell which.
   */
  stop(): Promise<void>;
  readonly pid: number | undefined;
}

export interface TrainerProcessOptions {
  /** Aborting kills the process at once; the events then end with the signal's reason. */
  readonly signal?: AbortSignal;
  /** POSIX niceness, 0 to 19; 0 when absent. */
  readonly niceness?: number;
  /** Resident memory over which the trainer gives up between two runs, with the node to blame. */
  readonly memoryBytes?: number;
  /** Told when training runs on a slower driver than it could, and why. */
  readonly onNotice?: (text: string) => void;
  readonly clock?: Clock;
}

/** Starts the job at once. Failures of every kind are events, never a throw. */
export function startTrainer(job: TrainingJob, options: TrainerProcessOptions = {}): TrainerProcess {
  return new ChildTrainer(job, options);
}

class ChildTrainer implements TrainerProcess {
  readonly #queue = new BoundedQueue<TrainingEvent>(WAITING_EVENTS);
  readonly #child: ChildProcess;
  readonly #exited = Promise.withResolvers<void>();
  readonly #options: TrainerProcessOptions;
  readonly #stderr: ErrorTail;
  #hasEnded = false;
  #lastStep = 0;

  constructor(job: TrainingJob, options: TrainerProcessOptions) {
    this.#options = options;
    this.#child = startChild(new URL("./trainer-child.ts", import.meta.url), options.niceness ?? 0);
    this.#stderr = new ErrorTail(this.#child, MESSAGE_CHARACTERS);
    this.#child.on("message", (message: FromTrainer) => this.#receive(message));
    this.#child.on("error", (error) => this.#lost(errorMessage(error)));
    this.#child.on("close", (code, signal) => this.#lost(signal ? `signal ${signal}` : `exit code ${code}`));
    const { signal } = options;
    const abort = (): void => this.#abort(signal?.reason);
    if (signal?.aborted) abort();
    else signal?.addEventListener("abort", abort, { once: true });
    void this.#exited.promise.then(() => signal?.removeEventListener("abort", abort));
    this.#send({ kind: "start", job, memoryBytes: options.memoryBytes ?? null });
  }

  get events(): AsyncIterable<TrainingEvent> {
    return this.#queue;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  change(change: TrainingChange): void {
    this.#send({ kind: "change", change });
  }

  async stop(): Promise<void> {
    this.#send({ kind: "stop" });
    const grace = new AbortController();
    const late = (this.#options.clock ?? systemClock).sleep(STOP_GRACE_MS, grace.signal).then(
      () => this.#child.kill("SIGKILL"),
      () => false,
    );
    await this.#exited.promise;
    grace.abort();
    await late;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exited.promise;
  }

  #send(message: ToTrainer): void {
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }

  #receive(message: FromTrainer): void {
    if (message.kind === "notice") {
      this.#options.onNotice?.(message.text);
      return;
    }
    const { event } = message;
    if ("step" in event) this.#lastStep = event.step;
    if (event.kind === "progress" && this.#queue.size >= WAITING_PROGRESS_EVENTS) return;
    const isEnd = event.kind === "finished" || event.kind === "replayed" || event.kind === "failed";
    if (!this.#queue.push(event) && !isEnd) this.#child.kill("SIGKILL");
    if (isEnd) this.#end();
  }

  /** The process is gone. What it wrote to stderr last goes into the message. */
  #lost(exit: string): void {
    if (!this.#hasEnded) {
      const said = this.#stderr.text;
      const { code, message } = new AppError(BACKEND_ERRORS.TRAINER_LOST, { exit: said ? `${exit}; ${said}` : exit });
      const text = message.slice(0, MESSAGE_CHARACTERS);
      this.#queue.push({ kind: "failed", blame: "node", code, message: text, step: this.#lastStep });
      this.#end();
    }
    this.#exited.resolve();
  }

  #abort(reason: unknown): void {
    this.#hasEnded = true;
    this.#queue.fail(reason);
    this.#child.kill("SIGKILL");
  }

  #end(): void {
    this.#hasEnded = true;
    this.#queue.close();
  }
}
