/**
 * The composition root: makes everything once, in the order in which it is needed, and takes it down in reverse.
 *
 * Nothing here decides anything about jobs or money; it only says who gets what.
 */
import { randomInt, randomUUID } from "node:crypto";
import { fastifyConnectPlugin } from "@connectrpc/connect-fastify";
import { errorMessage, isAppError, type UserId } from "@cyxwiz/primitives";
import type { Clock, Logger } from "@cyxwiz/platform";
import {
  connectRoutes,
  createGrpcServer,
  peerValues,
  type GrpcServer,
  type ServiceImplementation,
} from "@cyxwiz/protocol/server";
import { AccountService } from "./accounts/account-service.ts";
import { registerAccountRoutes } from "./accounts/account-routes.ts";
import { createAuthenticator } from "./accounts/authenticator.ts";
import { LoginThrottle } from "./accounts/login-throttle.ts";
import { ensurePlatformAccount, writePlatformToken } from "./accounts/platform-account.ts";
import { PasswordHasher } from "./accounts/password-hash.ts";
import { authenticateCalls } from "./accounts/rpc-authentication.ts";
import { createTokenIssuer } from "./accounts/token-issuer.ts";
import type { CentralServerConfig } from "./config/config.ts";
import { openSecrets } from "./config/secrets.ts";
import { openDatabase } from "./database/open-database.ts";
import { acquireServerLock } from "./database/server-lock.ts";
import { DRAIN_MS, ESCROW_SWEEP_MS } from "./limits.ts";
import { createMarketFeatures } from "./market-features.ts";
import { registerOverviewRoutes } from "./overview/overview-routes.ts";
import { EscrowService, SETTLE_KIND } from "./payments/escrow-service.ts";
import { createLedgerRail } from "./payments/ledger-rail.ts";
import { Outbox } from "./payments/outbox.ts";
import { REWARD_KIND, VerifierRewards } from "./payments/verifier-rewards.ts";
import { registerWalletRoutes } from "./payments/wallet-routes.ts";
import { marketKey } from "./receipts/market-key.ts";
import { createAuthenticatedHooks } from "./rest/authenticated.ts";
import { listen } from "./rest/listen.ts";
import { createRestApp, type RestApp } from "./rest/rest-app.ts";
import { periodically } from "./scheduling/periodic.ts";
import type { MarketFeatures, ServerContext } from "./server-context.ts";
import { VERSION } from "./version.ts";

/** What the server takes from the outside world. */
export interface CentralServerOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Uniform in [0, 1): for jitter, never for secrets. */
  readonly random: () => number;
  /** Stops the start when it aborts. A running server is stopped by disposing it. */
  readonly signal?: AbortSignal;
  /** Called once when the server cannot go on (its database belongs to another server now); dispose it then. */
  readonly onFatal?: () => void;
}

/** A server that takes calls. Disposing drains it: calls in progress end, then work, then the database. */
export interface CentralServer extends AsyncDisposable {
  /** Like http://127.0.0.1:8080, without `/api`. */
  readonly restUrl: string;
  /** Like 127.0.0.1:50051. */
  readonly grpcAddress: string;
}

/**
 * Starts a Central Server.
 *
 * @throws AppError `central/database-unavailable`, `central/migration-mismatch`, `central/already-running`,
 *   `central/address-unavailable`; nothing is left running then.
 */
export async function createCentralServer(
  config: CentralServerConfig,
  options: CentralServerOptions,
): Promise<CentralServer> {
  const teardown = new Teardown(options.logger);
  try {
    return await start(config, options, teardown);
  } catch (error) {
    await teardown.run();
    throw error;
  }
}

async function start(
  config: CentralServerConfig,
  options: CentralServerOptions,
  teardown: Teardown,
): Promise<CentralServer> {
  const { clock, logger } = options;
  const startedAt = clock.monotonic();
  const stopping = new AbortController();
  const { context, outbox } = await openContext(config, options, teardown);
  const features = createMarketFeatures(context);
  options.signal?.throwIfAborted();

  let isScheduling = false;
  const app = await createRestApp({ logger, version: VERSION, allowedOrigins: config.server.allowedOrigins });
  teardown.add(async () => app.close());
  registerRoutes(app, context, features);
  registerOverviewRoutes(app, { db: context.db, clock, version: VERSION, startedAt, isScheduling: () => isScheduling });
  const rpc = {
    interceptor: authenticateCalls(context.authenticator),
    onUnexpectedError: (error: unknown, call: { method: string; requestId: string }) =>
      logger.error("call failed", { method: call.method, requestId: call.requestId, error: described(error) }),
  };
  await serveRpcOnRest(app, features.services, { ...rpc, shutdownSignal: stopping.signal });

  const work = [
    outbox.run(stopping.signal),
    periodically(
      { name: "escrow-refunds", everyMs: ESCROW_SWEEP_MS, clock, logger, signal: stopping.signal },
      async () => {
        await context.escrows.refundLapsed();
      },
    ),
  ];
  teardown.add(async () => {
    stopping.abort();
    await Promise.all(work);
  });
  // Also after a start that fails later: its loops must not outlive the database.
  teardown.add(async () => features.stop());
  await features.start();
  isScheduling = true;

  const grpc = await createGrpcServer({
    ...rpc,
    services: features.services,
    address: config.server.grpcAddress,
    clock,
  });
  teardown.add(async () => grpc.close());
  const restUrl = await listen(app, config.server.restAddress);
  teardown.add(async () => {
    isScheduling = false;
    stopping.abort();
    await drain({ app, grpc, features, clock });
  });
  options.signal?.throwIfAborted();
  const grpcAddress = `${dialable(config.server.grpcAddress)}:${grpc.port}`;
  return { restUrl, grpcAddress, [Symbol.asyncDispose]: async () => teardown.run() };
}

/** Database, secrets, accounts and payments: what every feature stands on. */
async function openContext(
  config: CentralServerConfig,
  options: CentralServerOptions,
  teardown: Teardown,
): Promise<{ context: ServerContext; outbox: Outbox }> {
  const { clock, logger, random } = options;
  if (config.redis.url !== undefined) logger.warn("[redis] url is not used: one server wakes its work in process");
  const database = await openDatabase({ ...config.database, clock, logger });
  teardown.add(async () => database[Symbol.asyncDispose]());
  const onLost = (): void => options.onFatal?.();
  const lock = await acquireServerLock({ ...database, clock, logger, onLost });
  teardown.add(async () => lock[Symbol.asyncDispose]());

  const { jwtSecret, signingKey } = await openSecrets(config);
  const { db } = database;
  const rail = createLedgerRail({ db, clock, random });
  const handlers = {
    [SETTLE_KIND]: async (payload: unknown): Promise<void> => escrows.confirmSettlement(payload),
    [REWARD_KIND]: async (payload: unknown): Promise<void> => rewards.confirm(payload),
  };
  const outbox = new Outbox({ db, clock, logger, random, handlers });
  const rewards = new VerifierRewards({ clock, rail, outbox });
  const escrows = new EscrowService({ db, clock, random, rail, outbox });
  const authenticator = createAuthenticator({ db, secret: jwtSecret, clock });
  const tokens = createTokenIssuer(jwtSecret, clock);
  await ensurePlatformAccount(db, clock);
  await writePlatformToken(config.server.dataFolder, tokens);
  const context: ServerContext = {
    config,
    db,
    clock,
    logger,
    random,
    secureRandom,
    authenticator,
    tokens,
    hooks: createAuthenticatedHooks(authenticator),
    rail,
    escrows,
    rewards,
    key: marketKey(signingKey),
    dataFolder: config.server.dataFolder,
  };
  return { context, outbox };
}

/** 48 random bits as a number in [0, 1). */
function secureRandom(): number {
  return randomInt(2 ** 48 - 1) / 2 ** 48;
}

function registerRoutes(app: RestApp, context: ServerContext, features: MarketFeatures): void {
  const { config, db, clock, random, rail, hooks, tokens } = context;
  const accounts = new AccountService({
    db,
    clock,
    tokens,
    hasher: new PasswordHasher(),
    throttle: new LoginThrottle(clock),
    newUserId: () => randomUUID() as UserId,
  });
  registerAccountRoutes(app, accounts, hooks);
  registerWalletRoutes(app, { db, clock, random, rail, hooks, isOpen: config.payments.faucet });
  features.routes(app);
}

/** gRPC-Web and Connect for browsers, on the REST port. */
async function serveRpcOnRest(
  app: RestApp,
  services: readonly ServiceImplementation[],
  options: NonNullable<Parameters<typeof connectRoutes>[1]> & { readonly shutdownSignal: AbortSignal },
): Promise<void> {
  const { shutdownSignal, ...dispatch } = options;
  await app.register(fastifyConnectPlugin, {
    routes: connectRoutes(services, dispatch),
    contextValues: (request) => peerValues(request.raw),
    shutdownSignal,
  });
}

/** No new calls; work and open streams end; calls in progress get their time, then the rest is cut. */
async function drain(parts: { app: RestApp; grpc: GrpcServer; features: MarketFeatures; clock: Clock }): Promise<void> {
  const { app, grpc, features, clock } = parts;
  const timer = new AbortController();
  const closing = Promise.all([app.close(), grpc.close(DRAIN_MS)]);
  const cut = clock.sleep(DRAIN_MS, timer.signal).then(
    () => app.server.closeAllConnections(),
    () => undefined,
  );
  await features.stop();
  await closing;
  timer.abort();
  await cut;
}

/** What to undo, last made first. Every step runs, whatever the ones before it threw. */
class Teardown {
  readonly #logger: Logger;
  readonly #steps: (() => Promise<unknown>)[] = [];

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  add(step: () => Promise<unknown>): void {
    this.#steps.push(step);
  }

  async run(): Promise<void> {
    for (let step = this.#steps.pop(); step; step = this.#steps.pop()) {
      try {
        await step();
      } catch (error) {
        this.#logger.error("a part of the server did not stop cleanly", { error: described(error) });
      }
    }
  }
}

/** An address that listens everywhere is dialled at this computer. */
function dialable(address: string): string {
  const host = address.slice(0, address.lastIndexOf(":"));
  return host === "0.0.0.0" || host === "[::]" ? "127.0.0.1" : host;
}

function described(error: unknown): string {
  return isAppError(error) || !(error instanceof Error) ? errorMessage(error) : (error.stack ?? error.message);
}
