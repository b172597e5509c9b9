/** Starts the processes of the RPC benchmark and waits for what they say. */
import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { LoadJob, LoadResult } from "./load-job.ts";

const GENERATOR = fileURLToPath(new URL("./generator.ts", import.meta.url));
const BARE_SERVER = fileURLToPath(new URL("./bare-server.ts", import.meta.url));
const ANSWER_TIMEOUT_MS = 120_000;

/** Runs one load in a process of its own. */
export async function runLoad(job: LoadJob): Promise<LoadResult> {
  const child = fork(GENERATOR, { serialization: "advanced" });
  try {
    child.send(job);
    return (await message(child, "the load generator")) as LoadResult;
  } finally {
    child.kill("SIGKILL");
  }
}

/** A server that answers from memory. */
export class BareServer implements Disposable {
  readonly grpcAddress: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, grpcAddress: string) {
    this.#child = child;
    this.grpcAddress = grpcAddress;
  }

  static async start(): Promise<BareServer> {
    const child = fork(BARE_SERVER);
    const { grpcAddress } = (await message(child, "the bare server")) as { grpcAddress: string };
    return new BareServer(child, grpcAddress);
  }

  [Symbol.dispose](): void {
    this.#child.kill("SIGKILL");
  }
}

async function message(child: ChildProcess, name: string): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const timer = setTimeout(() => reject(new Error(`${name} did not answer in time`)), ANSWER_TIMEOUT_MS);
  child.once("message", resolve);
  child.once("exit", (code, signal) => reject(new Error(`${name} ended early (${signal ?? `exit code ${code}`})`)));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}
