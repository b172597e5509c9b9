/** Runs one command line: parses it, runs the command, turns what went wrong into a sentence and an exit code. */
import { homedir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@cyxwiz/platform";
import { errorMessage, isAppError, isError } from "@cyxwiz/primitives";
import { REST_CLIENT_ERRORS } from "@cyxwiz/protocol/rest";
import { CommanderError } from "commander";
import type { CommandContext } from "./commands/command-context.ts";
import { CLI_ERRORS } from "./errors.ts";
import { buildProgram } from "./program.ts";
import { KeyStore } from "./receipts/key-store.ts";
import { SessionStore } from "./session/session-store.ts";
import { createTerminal } from "./terminal/terminal.ts";

export interface RunOptions {
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };
  readonly signal: AbortSignal;
  readonly version: string;
}

const EXIT = { done: 0, failed: 1, usage: 2, refused: 3, unreachable: 4, interrupted: 130 } as const;

export async function run(options: RunOptions): Promise<number> {
  const { env, stdout, stderr, signal } = options;
  const home = env["CYXWIZ_HOME"] ?? join(homedir(), ".cyxwiz");
  const json = options.args.includes("--json");
  let exitCode: number = EXIT.done;
  const program = buildProgram({
    version: options.version,
    output: { writeOut: (text) => stdout.write(text), writeErr: (text) => stderr.write(text) },
    setExitCode: (code) => (exitCode = code),
    context: (given): CommandContext => ({
      terminal: createTerminal({ json: given.json, stdout, stderr, env }),
      sessions: new SessionStore(home),
      keys: new KeyStore(home),
      clock: systemClock,
      env,
      home,
      signal,
    }),
  });
  try {
    await program.parseAsync([...options.args], { from: "user" });
    return exitCode;
  } catch (error) {
    return explain(error, { json, stdout, stderr, interrupted: signal.aborted });
  }
}

interface Explanation {
  readonly json: boolean;
  readonly interrupted: boolean;
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
}

function explain(error: unknown, where: Explanation): number {
  const answer = (message: string, code: string): void => {
    if (where.json) where.stdout.write(`${JSON.stringify({ error: message, code })}\n`);
  };
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return EXIT.done;
    answer(error.code === "commander.help" ? "a command is missing" : error.message, CLI_ERRORS.USAGE.code);
    return EXIT.usage;
  }
  if (where.interrupted) {
    answer("interrupted", "cli/interrupted");
    where.stderr.write("Interrupted.\n");
    return EXIT.interrupted;
  }
  const code = isError(error, REST_CLIENT_ERRORS.REFUSED)
    ? error.context.body.details.reason
    : isAppError(error)
      ? error.code
      : "internal";
  answer(errorMessage(error), code);
  where.stderr.write(`cyxwiz: ${errorMessage(error)}\n`);
  for (const problem of problemsOf(error)) where.stderr.write(`  ${problem}\n`);
  if (!isAppError(error) && error instanceof Error) where.stderr.write(`${error.stack}\n`);
  if (isError(error, CLI_ERRORS.USAGE)) return EXIT.usage;
  if (isError(error, REST_CLIENT_ERRORS.REFUSED)) return EXIT.refused;
  const isAway = isError(error, REST_CLIENT_ERRORS.UNREACHABLE) || isError(error, CLI_ERRORS.DOWNLOAD_CUT);
  return isAway ? EXIT.unreachable : EXIT.failed;
}

/** What the server found wrong with a graph beside the first thing, which its message says: a line for each. */
function problemsOf(error: unknown): string[] {
  if (!isError(error, REST_CLIENT_ERRORS.REFUSED)) return [];
  const problems = error.context.body.details["problems"];
  if (!Array.isArray(problems)) return [];
  return problems
    .slice(1)
    .map((problem: { message?: string; fix?: string }) => `${problem.message ?? ""} → ${problem.fix ?? ""}`);
}
