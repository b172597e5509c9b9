/** The REST app with accounts and wallet on a fresh database, for tests. Time stands still unless the test moves it. */
import { randomUUID } from "node:crypto";
import type { UserId } from "@cyxwiz/primitives";
import { MemoryLogger, VirtualClock } from "@cyxwiz/platform";
import { AccountService } from "../accounts/account-service.ts";
import { registerAccountRoutes } from "../accounts/account-routes.ts";
import { createAuthenticator } from "../accounts/authenticator.ts";
import { LoginThrottle } from "../accounts/login-throttle.ts";
import { PasswordHasher } from "../accounts/password-hash.ts";
import type { TokenIssuer } from "../accounts/principal.ts";
import { createTokenIssuer } from "../accounts/token-issuer.ts";
import type { Database } from "../database/open-database.ts";
import { createTestDatabase } from "../database/database.fixture.ts";
import { registerOverviewRoutes } from "../overview/overview-routes.ts";
import { createLedgerRail } from "../payments/ledger-rail.ts";
import { registerWalletRoutes } from "../payments/wallet-routes.ts";
import { createAuthenticatedHooks, type AuthenticatedHooks } from "./authenticated.ts";
import { createRestApp, type RestApp } from "./rest-app.ts";

export interface TestRestApp extends AsyncDisposable {
  readonly app: RestApp;
  readonly db: Database;
  readonly clock: VirtualClock;
  readonly logger: MemoryLogger;
  readonly tokens: TokenIssuer;
  /** Sends a request; `token` becomes the Authorization header. */
  send(method: "GET" | "POST" | "PUT", url: string, options?: SendOptions): Promise<Answer>;
  /** Makes an account and returns its id and token. */
  register(email: string): Promise<{ readonly id: UserId; readonly token: string }>;
}

export interface SendOptions {
  readonly body?: unknown;
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Readonly<Record<string, unknown>>;
}

export const TEST_SECRET: Uint8Array = new TextEncoder().encode("a secret that only these tests know");
export const TEST_PASSWORD = "correct horse battery";

export interface TestRestAppOptions {
  readonly isFaucetOpen?: boolean;
  /** More routes, registered before the first request. */
  readonly routes?: (app: RestApp, hooks: AuthenticatedHooks) => void;
}

export async function createTestRestApp(options: TestRestAppOptions = {}): Promise<TestRestApp> {
  const database = await createTestDatabase();
  const { db } = database;
  const clock = new VirtualClock();
  const logger = new MemoryLogger();
  const random = (): number => 0.5;
  const tokens = createTokenIssuer(TEST_SECRET, clock);
  const hooks = createAuthenticatedHooks(createAuthenticator({ db, secret: TEST_SECRET, clock }));
  const newUserId = (): UserId => randomUUID() as UserId;
  const throttle = new LoginThrottle(clock);
  const accounts = new AccountService({ db, clock, tokens, hasher: new PasswordHasher(), throttle, newUserId });
  const app = await createRestApp({ logger, version: "0.0.0", allowedOrigins: ["https://app.example"] });
  registerAccountRoutes(app, accounts, hooks);
  const rail = createLedgerRail({ db, clock, random });
  registerWalletRoutes(app, { db, clock, random, rail, hooks, isOpen: options.isFaucetOpen ?? true });
  registerOverviewRoutes(app, { db, clock, version: "0.0.0", startedAt: clock.monotonic(), isScheduling: () => true });
  options.routes?.(app, hooks);

  const send: TestRestApp["send"] = async (method, url, { body, token, headers = {} } = {}) => {
    const answer = await app.inject({
      method,
      url,
      headers: { ...headers, ...(token !== undefined && { authorization: `Bearer ${token}` }) },
      ...(body !== undefined && { payload: body as string | object }),
    });
    return { status: answer.statusCode, headers: answer.headers, body: answer.json<Answer["body"]>() };
  };
  return {
    app,
    db,
    clock,
    logger,
    tokens,
    send,
    register: async (email) => {
      const { body } = await send("POST", "/api/auth/register", { body: { email, password: TEST_PASSWORD } });
      const session = body as { token: string; user: { id: UserId } };
      return { id: session.user.id, token: session.token };
    },
    [Symbol.asyncDispose]: async () => {
      await app.close();
      await database[Symbol.asyncDispose]();
    },
  };
}
