/** Starts one of this package's own files as a child process that holds nothing of the parent's environment. */
import { type ChildProcess, fork } from "node:child_process";
import { setPriority } from "node:os";
import { fileURLToPath } from "node:url";
import { TRAINER_HEAP_MB } from "../limits.ts";

/** Windows needs these to load any library; nothing else of the environment is passed on, least of all secrets. */
const NEEDED_VARIABLES = ["SystemRoot", "windir"];

/** `niceness` as in POSIX, 0 to 19: higher gives way to the owner's own work. */
export function startChild(entry: URL, niceness: number): ChildProcess {
  const env = Object.fromEntries(
    NEEDED_VARIABLES.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])),
  );
  const child = fork(fileURLToPath(entry), [], {
    execPath: process.execPath,
    execArgv: [`--max-old-space-size=${TRAINER_HEAP_MB}`],
    env,
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    serialization: "advanced",
  });
  if (niceness > 0 && child.pid !== undefined) setPriority(child.pid, niceness);
  return child;
}

/** The last lines that a process wrote to stderr, for the message when it dies without a word of its own. */
export class ErrorTail {
  #text = "";

  constructor(child: ChildProcess, characters: number) {
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#text = (this.#text + text).slice(-characters);
    });
  }

  get text(): string {
    return this.#text.trim();
  }
}
