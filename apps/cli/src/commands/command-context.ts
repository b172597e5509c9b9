/** What every command is given: where to write, whose market, which clock. */
import type { Clock } from "@cyxwiz/platform";
import { AppError } from "@cyxwiz/primitives";
import { MarketClient } from "../client/market-client.ts";
import { marketUrl } from "../client/market-url.ts";
import { CLI_ERRORS } from "../errors.ts";
import type { KeyStore } from "../receipts/key-store.ts";
import type { SessionStore } from "../session/session-store.ts";
import type { Terminal } from "../terminal/terminal.ts";

export interface CommandContext {
  readonly terminal: Terminal;
  readonly sessions: SessionStore;
  /** The markets whose receipts are believed. */
  readonly keys: KeyStore;
  readonly clock: Clock;
  readonly env: NodeJS.ProcessEnv;
  /** The folder of the command line's own state, ~/.cyxwiz unless CYXWIZ_HOME says otherwise. */
  readonly home: string;
  /** Aborts on Ctrl-C. */
  readonly signal: AbortSignal;
}

/** The signed-in client: from the last login, or from CYXWIZ_TOKEN and CYXWIZ_URL alone, as a build server has them. */
export async function openSession(context: CommandContext): Promise<MarketClient | undefined> {
  const session = await context.sessions.load();
  const token = context.env["CYXWIZ_TOKEN"] ?? session?.token;
  if (!token) return undefined;
  return new MarketClient(marketUrl(context.env, session ? { remembered: session.url } : {}), token);
}

/** @throws AppError `cli/not-signed-in` with the command that was typed. */
export async function requireSession(context: CommandContext, command: string): Promise<{ client: MarketClient }> {
  const client = await openSession(context);
  if (!client) throw new AppError(CLI_ERRORS.NOT_SIGNED_IN, { command });
  return { client };
}

/** The market that is meant, for what everybody may ask. */
export async function publicClient(context: CommandContext): Promise<MarketClient> {
  const session = await context.sessions.load();
  return new MarketClient(marketUrl(context.env, session ? { remembered: session.url } : {}));
}

/** Writes a result: `value` as JSON with --json, otherwise the text for people. */
export function report(context: CommandContext, value: unknown, text: () => string): void {
  context.terminal.out(context.terminal.json ? JSON.stringify(value) : text());
}
