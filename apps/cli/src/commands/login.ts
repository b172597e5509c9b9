import { readFile } from "node:fs/promises";
import { AppError, errorMessage } from "@cyxwiz/primitives";
import { MarketClient } from "../client/market-client.ts";
import { marketUrl } from "../client/market-url.ts";
import { CLI_ERRORS } from "../errors.ts";
import { askPassword } from "../session/password.ts";
import { report, requireSession, type CommandContext } from "./command-context.ts";

export interface LoginOptions {
  readonly url?: string;
  readonly email?: string;
  readonly username?: string;
  readonly register?: boolean;
  /** A token instead of a password: of an account that has none, like the platform's. */
  readonly tokenFile?: string;
}

/** Signs in (or up) and remembers the session. */
export async function login(context: CommandContext, options: LoginOptions): Promise<void> {
  const { email, username, tokenFile } = options;
  if (tokenFile !== undefined) return await loginByToken(context, options, tokenFile);
  if (!email && (options.register || !username)) {
    throw new AppError(CLI_ERRORS.USAGE, { message: "say who you are: --email you@example.org" });
  }
  const url = await urlOf(context, options);
  const client = new MarketClient(url);
  const password = await askPassword(
    context.env,
    options.register ? "New password (10 characters or more): " : "Password: ",
  );
  const session =
    options.register && email
      ? await client.register({ email, password, ...(username && { username }) })
      : await client.login({ password, ...(email && { email }), ...(username && { username }) });
  const { id, username: name } = session.user;
  await context.sessions.save({ url, token: session.token, user: { id, email: session.user.email, username: name } });
  report(
    context,
    { url, user: session.user, token_expires_at: session.token_expires_at },
    () => `Signed in to ${url} as ${name}.`,
  );
}

async function loginByToken(context: CommandContext, options: LoginOptions, path: string): Promise<void> {
  const token = await readToken(path);
  const url = await urlOf(context, options);
  const { id, email, username } = await new MarketClient(url, token).me();
  await context.sessions.save({ url, token, user: { id, email, username } });
  report(context, { url, user: { id, email, username } }, () => `Signed in to ${url} as ${username}.`);
}

async function readToken(path: string): Promise<string> {
  try {
    return (await readFile(path, "utf8")).trim();
  } catch (error) {
    throw new AppError(CLI_ERRORS.USAGE, { message: `the token file ${path} cannot be read: ${errorMessage(error)}` });
  }
}

async function urlOf(context: CommandContext, { url }: LoginOptions): Promise<string> {
  const remembered = (await context.sessions.load())?.url;
  return marketUrl(context.env, {
    ...(url !== undefined && { asked: url }),
    ...(remembered !== undefined && { remembered }),
  });
}

/** Asks the market who this session is, so that a stale token is noticed. */
export async function whoami(context: CommandContext): Promise<void> {
  const { client } = await requireSession(context, "cyxwiz whoami");
  const user = await client.me();
  report(context, { user }, () => `${user.username} (${user.email})`);
}

export async function logout(context: CommandContext): Promise<void> {
  await context.sessions.clear();
  report(context, { signed_in: false }, () => "Signed out on this computer.");
}
