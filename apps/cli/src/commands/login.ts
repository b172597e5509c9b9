import { AppError } from "@cyxwiz/primitives";
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
}

/** Signs in (or up) and remembers the session. */
export async function login(context: CommandContext, options: LoginOptions): Promise<void> {
  const { email, username } = options;
  if (!email && (options.register || !username)) {
    throw new AppError(CLI_ERRORS.USAGE, { message: "say who you are: --email you@example.org" });
  }
  const remembered = (await context.sessions.load())?.url;
  const url = marketUrl(context.env, {
    ...(options.url !== undefined && { asked: options.url }),
    ...(remembered !== undefined && { remembered }),
  });
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
