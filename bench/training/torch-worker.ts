/**
 * PyTorch in a process of its own, one timed window at a time.
 *
 * Between its windows the process is stopped (SIGSTOP): OpenMP threads that spin while they wait for work would take the
 * processor from whoever is measured next.
 */
import { spawn, type ChildProcessByStdio } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { TrainingWindow } from "./training-window.ts";

const PROGRAM = fileURLToPath(new URL("../torch/training_step.py", import.meta.url));
/** Importing PyTorch from a cold disk takes the longest. */
const ANSWER_TIMEOUT_MS = 120_000;

export interface TorchVariant {
  readonly waitPolicy: "passive" | "active";
  readonly layout: "contiguous" | "channels_last";
}

export class TorchWorker implements Disposable {
  readonly version: string;
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  private constructor(
    child: ChildProcessByStdio<Writable, Readable, null>,
    lines: AsyncIterator<string>,
    ready: string,
  ) {
    this.#child = child;
    this.#lines = lines;
    this.version = (JSON.parse(ready) as { ready: string }).ready;
  }

  /** `folder` holds the networks, as `torch/training_step.py` reads them. */
  static async start(options: {
    readonly python: string;
    readonly folder: string;
    readonly threads: number;
    readonly waitPolicy: TorchVariant["waitPolicy"];
  }): Promise<TorchWorker> {
    const { python, folder, threads, waitPolicy } = options;
    const child = spawn(python, [PROGRAM, folder, `${threads}`], {
      stdio: ["pipe", "pipe", "inherit"],
      env: {
        ...process.env,
        OMP_NUM_THREADS: `${threads}`,
        OMP_WAIT_POLICY: waitPolicy,
        // Keep freed memory: by default a third of the time goes into page faults.
        MALLOC_MMAP_THRESHOLD_: "1073741824",
        MALLOC_TRIM_THRESHOLD_: "1073741824",
        MALLOC_TOP_PAD_: "268435456",
      },
    });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    try {
      const worker = new TorchWorker(child, lines, await nextLine(child, lines));
      child.kill("SIGSTOP");
      return worker;
    } catch (error) {
      child.kill("SIGKILL");
      throw error;
    }
  }

  /** Trains one network from its start for about `seconds`. */
  async window(request: {
    readonly model: string;
    readonly layout: TorchVariant["layout"];
    readonly seconds: number;
  }): Promise<TrainingWindow> {
    this.#child.kill("SIGCONT");
    this.#child.stdin.write(`${JSON.stringify(request)}\n`);
    const answer = JSON.parse(await nextLine(this.#child, this.#lines)) as TrainingWindow;
    this.#child.kill("SIGSTOP");
    return answer;
  }

  [Symbol.dispose](): void {
    this.#child.kill("SIGKILL");
  }
}

async function nextLine(
  child: ChildProcessByStdio<Writable, Readable, null>,
  lines: AsyncIterator<string>,
): Promise<string> {
  const timer = setTimeout(() => child.kill("SIGKILL"), ANSWER_TIMEOUT_MS);
  const { value, done } = await lines.next();
  clearTimeout(timer);
  if (done === true) throw new Error("the PyTorch process ended, or did not answer in time; its message is above");
  return value;
}
