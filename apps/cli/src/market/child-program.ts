/**
 * A program of ours as a child process: started, waited for, stopped.
 *
 * The child says `{ kind: "ready", … }` over its IPC channel and ends by itself when the channel closes, so that nothing
 * is left behind when this process is killed.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { AppError } from "@cyxwiz/primitives";
import type { z } from "zod";
import { CLI_ERRORS } from "../errors.ts";
import { LOG_TAIL_LINES, START_TIMEOUT_MS, STOP_TIMEOUT_MS } from "../limits.ts";

export interface ChildProgramOptions<Ready> {
  readonly name: string;
  /** Path of its main.ts. */
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Where its standard output and error go. */
  readonly logPath: string;
  readonly ready: z.ZodType<Ready>;
  readonly signal?: AbortSignal;
  readonly startTimeoutMs?: number;
}

export class ChildProgram<Ready> implements AsyncDisposable {
  readonly name: string;
  readonly ready: Ready;
  /** Resolves when the program has ended, for whatever reason. */
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  readonly #logPath: string;

  private constructor(
    options: ChildProgramOptions<Ready>,
    running: { ready: Ready; child: ChildProcess; ended: Promise<string> },
  ) {
    this.name = options.name;
    this.#logPath = options.logPath;
    this.ready = running.ready;
    this.#child = running.child;
    this.ended = running.ended;
  }

  /** @throws AppError `cli/program-ended`, `cli/program-slow`, with the end of the program's log. */
  static async start<Ready>(options: ChildProgramOptions<Ready>): Promise<ChildProgram<Ready>> {
    options.signal?.throwIfAborted();
    mkdirSync(dirname(options.logPath), { recursive: true });
    const log = openSync(options.logPath, "a", 0o600);
    const child = spawn(process.execPath, [options.program, ...options.args], {
      stdio: ["ignore", log, log, "ipc"],
      env: options.env ?? process.env,
    });
    closeSync(log);
    const ended = new Promise<string>((resolve) => {
      child.once("error", (error) => resolve(error.message));
      child.once("exit", (code, signal) => resolve(signal ? `signal ${signal}` : `exit code ${code}`));
    });
    try {
      return new ChildProgram(options, { ready: await waitUntilReady(child, ended, options), child, ended });
    } catch (error) {
      child.kill("SIGKILL");
      await ended;
      throw error;
    }
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Waits until it ends by itself. @throws AppError `cli/program-lost`, always. */
  async lost(): Promise<never> {
    const exit = await this.ended;
    throw new AppError(CLI_ERRORS.PROGRAM_LOST, { program: this.name, exit, log: logTail(this.#logPath) });
  }

  /** Asks it to end, and insists after a while. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await this.ended;
    clearTimeout(timer);
  }
}

async function waitUntilReady<Ready>(
  child: ChildProcess,
  ended: Promise<string>,
  options: ChildProgramOptions<Ready>,
): Promise<Ready> {
  const { promise, resolve, reject } = Promise.withResolvers<Ready>();
  const log = (): string => logTail(options.logPath);
  const { startTimeoutMs = START_TIMEOUT_MS } = options;
  const timer = setTimeout(() => {
    const seconds = startTimeoutMs / 1000;
    reject(new AppError(CLI_ERRORS.PROGRAM_SLOW, { program: options.name, seconds, log: log() }));
  }, startTimeoutMs);
  const abort = (): void => reject(options.signal?.reason);
  options.signal?.addEventListener("abort", abort, { once: true });
  child.on("message", (message) => {
    const parsed = options.ready.safeParse(message);
    if (parsed.success) resolve(parsed.data);
  });
  void ended.then((exit) =>
    reject(new AppError(CLI_ERRORS.PROGRAM_ENDED, { program: options.name, exit, log: log() })),
  );
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", abort);
  }
}

function logTail(path: string): string {
  try {
    return readFileSync(path, "utf8").trimEnd().split("\n").slice(-LOG_TAIL_LINES).join("\n");
  } catch {
    return "(no log)";
  }
}
