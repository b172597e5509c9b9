/** Runs one command line with its streams captured and a home of its own, for tests. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { run } from "./run.ts";
import { SessionStore } from "./session/session-store.ts";

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface TestCli extends AsyncDisposable {
  readonly home: string;
  readonly sessions: SessionStore;
  cyxwiz(args: readonly string[], options?: CliOptions): Promise<Ran>;
}

interface CliOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
  /** Standard error is a screen, as it is for a person. */
  readonly isScreen?: boolean;
}

/** `signedInTo` is a market's address: a session for it is in the store. */
export async function createTestCli(options: { readonly signedInTo?: string } = {}): Promise<TestCli> {
  const home = await mkdtemp(join(tmpdir(), "cyxwiz-home-"));
  const sessions = new SessionStore(home);
  if (options.signedInTo !== undefined) {
    const user = { id: "1", email: "ada@example.org", username: "ada" };
    await sessions.save({ url: options.signedInTo, token: "saved-token", user });
  }
  return {
    home,
    sessions,
    cyxwiz: async (args, { env = {}, signal, isScreen = false } = {}) => {
      const [stdout, stderr] = [capture(), capture()];
      const code = await run({
        args,
        env: { CYXWIZ_HOME: home, ...env },
        stdout: stdout.stream,
        stderr: Object.assign(stderr.stream, { isTTY: isScreen, columns: 100 }),
        signal: signal ?? new AbortController().signal,
        version: "1.2.3",
      });
      return { code, out: stdout.text(), err: stderr.text() };
    },
    [Symbol.asyncDispose]: () => rm(home, { recursive: true, force: true }),
  };
}

function capture(): { stream: Writable; text: () => string } {
  const chunks: string[] = [];
  const stream = new Writable({
    decodeStrings: false,
    write: (chunk, _encoding, done) => {
      chunks.push(String(chunk));
      done();
    },
  });
  return { stream, text: () => chunks.join("") };
}
