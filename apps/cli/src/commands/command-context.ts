/** What every command is given: where to write, whose market, which clock. */
import type { Clock } from "@cyxwiz/platform";
import { AppError } from "@cyxwiz/primitives";
import { MarketClient } from "../client/market-client.ts";
import { CLI_ERRORS } from "../errors.ts";
import type { SavedSession, SessionStore } from "../session/session-store.ts";
import type { Terminal } from "../terminal/terminal.ts";

export interface CommandContext {
  readonly terminal: Terminal;
  readonly sessions: SessionStore;
  readonly clock: Clock;
  readonly env: NodeJS.ProcessEnv;
  /** The folder of the command line's own state, ~/.cyxwiz unless CYXWIZ_HOME says otherwise. */
  readonly home: string;
  /** Aborts on Ctrl-C. */
  readonly signal: AbortSignal;
}

export const DEFAULT_URL = "http://127.0.0.1:8080";

export async function requireSession(
  context: CommandContext,
  command: string,
): Promise<SavedSession & { client: MarketClient }> {
  const session = await context.sessions.load();
  const token = context.env["CYXWIZ_TOKEN"] ?? session?.token;
  if (!session || !token) throw new AppError(CLI_ERRORS.NOT_SIGNED_IN, { command });
  const url = context.env["CYXWIZ_URL"] ?? session.url;
  return { ...session, url, client: new MarketClient(url, token) };
}

/** Writes a result: `value` as JSON with --json, otherwise the text for people. */
export function report(context: CommandContext, value: unknown, text: () => string): void {
  context.terminal.out(context.terminal.json ? JSON.stringify(value) : text());
}
