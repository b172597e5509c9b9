/**
 * The market, wired: machines, objects, quotes, jobs, scheduler and assignments, made once from the server's context.
 *
 * Nothing here decides anything; it says who gets what, and starts and stops the background work.
 */
import { join } from "node:path";
import type { AssignmentId, JobId, NodeId } from "@cyxwiz/primitives";
import { FileObjectStore, type ObjectStore } from "@cyxwiz/cyxcloud";
import {
  JobService as JobServiceDescription,
  JobStatusService,
  NodeDiscoveryService,
  NodeService,
} from "@cyxwiz/protocol";
import { implement, type ServiceImplementation } from "@cyxwiz/protocol/server";
import { callerOf, callingUser } from "./accounts/rpc-authentication.ts";
import { AssignmentService } from "./assignments/assignment-service.ts";
import { AttemptEnd } from "./assignments/attempt-end.ts";
import { handOut } from "./assignments/hand-out.ts";
import { LiveAssignments } from "./assignments/live-assignments.ts";
import { createJobStatusHandlers, createNodeReportHandlers } from "./assignments/report-handlers.ts";
import { createStreamTasks } from "./assignments/stream-tasks.ts";
import { TaskStreams } from "./assignments/task-streams.ts";
import { ChallengeService } from "./challenges/challenge-service.ts";
import { createJobHandlers } from "./jobs/job-handlers.ts";
import { JobChanges } from "./jobs/job-changes.ts";
import { JobReader } from "./jobs/job-reader.ts";
import { registerJobRoutes } from "./jobs/job-routes.ts";
import { JobService } from "./jobs/job-service.ts";
import { JobSignals } from "./jobs/job-signals.ts";
import { PROGRESS_FLUSH_MS } from "./jobs/limits.ts";
import { LiveProgress } from "./jobs/live-progress.ts";
import { SettlementService } from "./jobs/settlement-service.ts";
import { HeartbeatService } from "./machines/heartbeat-service.ts";
import { createDiscoveryHandlers, createMachineHandlers } from "./machines/machine-handlers.ts";
import { registerMachineRoutes } from "./machines/machine-routes.ts";
import { NodeDirectory } from "./machines/node-directory.ts";
import { NodeOwners } from "./machines/node-owners.ts";
import { Presence } from "./machines/presence.ts";
import { RegistrationService } from "./machines/registration-service.ts";
import { UserDevicesQuery } from "./machines/user-devices.ts";
import { registerObjectRoutes } from "./objects/object-routes.ts";
import { ObjectService } from "./objects/object-service.ts";
import { OpeningObjectStore } from "./objects/opening-store.ts";
import { registerQuoteRoutes } from "./quotes/quote-routes.ts";
import { QuoteService } from "./quotes/quote-service.ts";
import { registerReceiptRoutes } from "./receipts/receipt-routes.ts";
import { ReceiptService } from "./receipts/receipt-service.ts";
import { registerReputationRoutes } from "./reputation/reputation-routes.ts";
import { ReputationService } from "./reputation/reputation-service.ts";
import type { RestApp } from "./rest/rest-app.ts";
import { DeadlineSweeper } from "./scheduling/deadline-sweeper.ts";
import { readFleet, type FleetUnit } from "./scheduling/fleet-query.ts";
import { LeaseSweeper } from "./scheduling/lease-sweeper.ts";
import { periodically } from "./scheduling/periodic.ts";
import { SchedulerLoop } from "./scheduling/scheduler-loop.ts";
import type { MarketFeatures, ServerContext } from "./server-context.ts";
import { CanaryLoop } from "./verification/canary-loop.ts";
import { Refusals } from "./verification/refusals.ts";
import { RerunRecords } from "./verification/rerun-records.ts";
import { RerunService } from "./verification/rerun-service.ts";
import { VerificationService } from "./verification/verification-service.ts";
import { VerifierPlacement } from "./verification/verifier-placement.ts";

/** Everything that the market is made of. Nothing of it runs by itself yet. */
export interface Market {
  readonly machines: Machines;
  readonly work: Work;
  readonly objects: ObjectService;
  readonly quotes: QuoteService;
  readonly canaries: CanaryLoop;
  readonly challenges: ChallengeService;
  readonly services: readonly ServiceImplementation[];
  routes(app: RestApp): void;
}

/** The market on an object store, without background work. */
export function wireMarket(context: ServerContext, store: ObjectStore): Market {
  const { db } = context;
  const machines = wireMachines(context, {
    onAvailable: () => work.scheduler.wake(),
    onRegistered: (nodeId) => challenges.registered(nodeId),
  });
  const fleet = (): Promise<readonly FleetUnit[]> =>
    readFleet({ db, presence: machines.presence, isReachable: (nodeId) => work.streams.has(nodeId) });
  const work = wireWork(context, fleet);
  const challenges = new ChallengeService({
    ...context,
    readFleet: fleet,
    send: (nodeId, message) => work.streams.send(nodeId, message),
    isReachable: (nodeId) => work.streams.has(nodeId),
    sign: context.key.sign,
  });
  const objects = new ObjectService({ ...context, store });
  const training = async (): Promise<readonly FleetUnit[]> => (await fleet()).filter((unit) => !unit.isPlatform);
  const quotes = new QuoteService({
    ...context,
    ...context.config.verification,
    signer: context.key,
    readFleet: training,
  });
  const reader = new JobReader({ db, progress: work.progress, readFleet: training });
  return {
    machines,
    work,
    objects,
    quotes,
    challenges,
    canaries: new CanaryLoop({ ...context, ...context.config.verification, quotes, jobs: work.jobs, readFleet: fleet }),
    services: wireServices(context, machines, { ...work, quotes, challenges }),
    routes: (app) => {
      registerMachineRoutes(app, { ...context, ...machines });
      registerObjectRoutes(app, { ...context, store, objects });
      registerQuoteRoutes(app, { ...context, quotes });
      registerJobRoutes(app, { ...context, ...work, store, reader });
      registerReceiptRoutes(app, { ...context, ...work });
      registerReputationRoutes(app, context);
    },
  };
}

/** The market with its background work: what the composition root drives. */
export function createMarketFeatures(context: ServerContext): MarketFeatures {
  const store = new OpeningObjectStore(FileObjectStore.open(join(context.dataFolder, "objects")));
  const market = wireMarket(context, store);
  const stopping = new AbortController();
  let running: Promise<unknown> = Promise.resolve();
  let unsubscribe = (): void => {};
  return {
    routes: market.routes,
    services: market.services,
    start: async () => {
      await store.ready();
      await recover(market);
      const { signals } = market.work;
      unsubscribe = context.escrows.onSettled((quoteId) => void tellWatchers(context, signals, quoteId));
      running = runWork(context, market, stopping.signal);
    },
    stop: async () => {
      stopping.abort();
      unsubscribe();
      market.work.streams.drain("the server is going away");
      await running;
      await market.machines.heartbeats.flush();
      await market.work.flush();
    },
  };
}

/** What a start does before anything else: the market's name, who was online, and one full period for every lease. */
export async function recover({ machines, work }: Market): Promise<void> {
  // The market has its name before anybody can ask for it.
  await work.receipts.keys();
  await machines.heartbeats.load();
  await work.live.renewAll();
}

interface Machines {
  readonly presence: Presence;
  readonly owners: NodeOwners;
  readonly heartbeats: HeartbeatService;
  readonly registration: RegistrationService;
  readonly directory: NodeDirectory;
  readonly devices: UserDevicesQuery;
}

function wireMachines(
  context: ServerContext,
  { onAvailable, onRegistered }: { readonly onAvailable: () => void; readonly onRegistered: (nodeId: NodeId) => void },
): Machines {
  const { db, clock } = context;
  const presence = new Presence(clock);
  const heartbeats = new HeartbeatService({ ...context, presence, onAvailable });
  return {
    presence,
    owners: new NodeOwners(db),
    heartbeats,
    registration: new RegistrationService({
      ...context,
      presence,
      onRegistered: (nodeId) => {
        heartbeats.registered(nodeId);
        onRegistered(nodeId);
      },
    }),
    directory: new NodeDirectory(db, presence),
    devices: new UserDevicesQuery({ db, clock, presence, heartbeats }),
  };
}

interface Work {
  readonly signals: JobSignals;
  readonly streams: TaskStreams;
  readonly progress: LiveProgress;
  readonly live: LiveAssignments;
  readonly jobs: JobService;
  readonly assignments: AssignmentService;
  readonly attempts: AttemptEnd;
  readonly reruns: RerunService;
  readonly changes: JobChanges;
  readonly receipts: ReceiptService;
  readonly scheduler: SchedulerLoop;
  readonly leases: LeaseSweeper;
  readonly deadlines: DeadlineSweeper;
  readonly flush: () => Promise<void>;
}

function wireWork(context: ServerContext, fleet: () => Promise<readonly FleetUnit[]>): Work {
  const { config, db, clock, logger } = context;
  const signals = new JobSignals();
  const streams = new TaskStreams();
  const progress = new LiveProgress(db);
  const live = new LiveAssignments(db, clock);
  const receipts = new ReceiptService(context);
  const { reputation, verifications } = wireVerification(context, receipts);
  const scheduler = new SchedulerLoop({
    ...context,
    maxJobsPerNode: config.scheduler.maxJobsPerNode,
    pollingIntervalMs: config.scheduler.pollingIntervalMs,
    readFleet: fleet,
    handOut: (assignmentId: AssignmentId, nodeId: NodeId) => handOut({ db, streams, logger }, assignmentId, nodeId),
    onPlaced: (jobId: JobId) => signals.changed(jobId),
    verifiers: new VerifierPlacement({
      ...context,
      verifications,
      signals,
      maxJobsPerNode: config.scheduler.maxJobsPerNode,
      waitMs: config.verification.waitMs,
      establishedSuccesses: config.verification.establishedSuccesses,
    }),
  });
  const wakeScheduler = scheduler.wake;
  const reruns = new RerunService({ ...context, live, signals, verifications, wakeScheduler });
  const endings = { endings: verifications, reruns, reputation };
  const shared = { ...context, ...endings, live, progress, signals, streams, wakeScheduler };
  const attempts = new AttemptEnd(shared);
  const { timeoutSeconds } = config.scheduler;
  return {
    signals,
    streams,
    progress,
    live,
    jobs: new JobService(shared),
    assignments: new AssignmentService(shared),
    attempts,
    reruns,
    changes: new JobChanges({ ...shared, signer: context.key }),
    receipts,
    scheduler,
    leases: new LeaseSweeper({ db, clock, logger, live, attempts, timeoutSeconds }),
    deadlines: new DeadlineSweeper(shared),
    flush: async () => {
      await live.flush();
      await progress.flush();
    },
  };
}

function wireVerification(
  context: ServerContext,
  receipts: ReceiptService,
): { readonly reputation: ReputationService; readonly verifications: VerificationService } {
  const { clock, config } = context;
  const { cancelRefund } = config.payments;
  const settlements = new SettlementService({ ...context, receipts, cancelRefund });
  const reputation = new ReputationService(clock);
  const refusals = new Refusals({ clock, settlements, reputation });
  const records = new RerunRecords(reputation);
  const shared = { ...context, settlements, refusals, records, cancelRefund };
  return { reputation, verifications: new VerificationService({ ...shared, ...config.verification }) };
}

function wireServices(
  context: ServerContext,
  machines: Machines,
  work: Work & { readonly quotes: QuoteService; readonly challenges: ChallengeService },
): readonly ServiceImplementation[] {
  const shared = { ...context, ...machines, ...work, principalOf: callerOf, wakeScheduler: work.scheduler.wake };
  const jobsToCancel = async (nodeId: NodeId, claimed: readonly string[]): Promise<readonly string[]> => {
    if (claimed.length === 0) return [];
    const own = new Set<string>((await work.live.ofNode(nodeId)).map((one) => one.jobId));
    return claimed.filter((jobId) => !own.has(jobId));
  };
  return [
    implement(JobServiceDescription, createJobHandlers({ ...shared, userOf: callingUser })),
    implement(NodeService, {
      ...createMachineHandlers({
        ...shared,
        jobsToCancel,
        stillRunning: (nodeId, running) => work.live.stillRunning(nodeId, running),
      }),
      ...createNodeReportHandlers(shared),
      streamTasks: createStreamTasks(shared),
    }),
    implement(NodeDiscoveryService, createDiscoveryHandlers(machines.directory, machines.presence)),
    implement(JobStatusService, createJobStatusHandlers(shared)),
  ];
}

async function runWork(
  context: ServerContext,
  { machines, work, canaries, challenges }: Market,
  signal: AbortSignal,
): Promise<void> {
  const { clock, logger } = context;
  await Promise.all([
    machines.heartbeats.run(signal),
    work.scheduler.run(signal),
    work.leases.run(signal),
    work.deadlines.run(signal),
    canaries.run(signal),
    challenges.run(signal),
    periodically({ name: "progress-flush", everyMs: PROGRESS_FLUSH_MS, clock, logger, signal }, work.flush),
  ]);
}

/** Whoever watches a job waits for its payment too. */
async function tellWatchers({ db, logger }: ServerContext, signals: JobSignals, quoteId: string): Promise<void> {
  try {
    const job = await db.selectFrom("jobs").select("id").where("quote_id", "=", quoteId).executeTakeFirst();
    if (job) signals.changed(job.id as JobId);
  } catch (error) {
    logger.warn("watchers of a settled job were not told", { quoteId, error: String(error) });
  }
}
