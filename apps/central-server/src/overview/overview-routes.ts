/** /api/health and /api/stats, open to everybody: real counts, no names. */
import { formatUnits, type Amount } from "@cyxwiz/primitives";
import type { Clock } from "@cyxwiz/platform";
import { healthSchema, statsSchema } from "@cyxwiz/protocol/rest";
import { sql } from "kysely";
import type { z } from "zod";
import type { Database } from "../database/open-database.ts";
import { HEALTH_PROBE_MS } from "../limits.ts";
import type { RestApp } from "../rest/rest-app.ts";

export interface OverviewOptions {
  readonly db: Database;
  readonly clock: Clock;
  readonly version: string;
  /** `clock.monotonic()` at the start of the server. */
  readonly startedAt: number;
  /** Whether background work runs. */
  readonly isScheduling: () => boolean;
}

export function registerOverviewRoutes(app: RestApp, options: OverviewOptions): void {
  const tags = ["overview"];
  app.get(
    "/api/health",
    {
      schema: {
        tags,
        summary: "Whether the server and what it needs work",
        response: { 200: healthSchema, 503: healthSchema },
      },
    },
    async (_request, reply) => {
      const health = await readHealth(options);
      return reply.code(health.status === "healthy" ? 200 : 503).send(health);
    },
  );
  app.get(
    "/api/stats",
    { schema: { tags, summary: "Counts of the network", response: { 200: statsSchema } } },
    async () => readStats(options),
  );
}

async function readHealth(options: OverviewOptions): Promise<z.infer<typeof healthSchema>> {
  const database = await probe(options);
  const scheduler = options.isScheduling() ? "ok" : "stopped";
  return {
    status: database === "ok" && scheduler === "ok" ? "healthy" : "degraded",
    version: options.version,
    components: { database, redis: "in-process", solana: "ledger", scheduler },
    uptime_seconds: Math.floor((options.clock.monotonic() - options.startedAt) / 1_000),
  };
}

/** A real round trip, but never a long one: a probe that hangs tells as much as one that fails. */
async function probe({ db, clock }: OverviewOptions): Promise<"ok" | "unavailable"> {
  const timer = new AbortController();
  const asked = sql`select 1`.execute(db).then(
    () => "ok" as const,
    () => "unavailable" as const,
  );
  const late = clock.sleep(HEALTH_PROBE_MS, timer.signal).then(
    () => "unavailable" as const,
    () => "unavailable" as const,
  );
  try {
    return await Promise.race([asked, late]);
  } finally {
    timer.abort();
  }
}

interface Counts {
  readonly nodes: number;
  readonly online: number;
  readonly busy: number;
  readonly units: number;
  readonly active: number;
  readonly settled: Amount;
  readonly locked: Amount;
}

async function readStats({ db }: OverviewOptions): Promise<z.infer<typeof statsSchema>> {
  const { rows } = await sql<Counts>`select
    (select count(*) from machines)::int as nodes,
    (select count(*) from machines where state in ('ACTIVE', 'BUSY'))::int as online,
    (select count(distinct machine_id) from assignments where ended_at is null)::int as busy,
    (select count(*) from compute_units)::int as units,
    (select count(*) from compute_units u join machines m on m.id = u.machine_id
      where u.status = 'ACTIVE' and m.state in ('ACTIVE', 'BUSY'))::int as active,
    (select coalesce(sum(owner_amount + platform_amount), 0)::bigint from escrows where state = 'SETTLED') as settled,
    (select coalesce(sum(amount), 0)::bigint from escrows where state in ('LOCKED', 'SETTLING')) as locked
  `.execute(db);
  const counts = rows[0] ?? { nodes: 0, online: 0, busy: 0, units: 0, active: 0, settled: 0n, locked: 0n };
  return {
    nodes: { total: counts.nodes, online: counts.online, busy: counts.busy },
    units: { total: counts.units, active: counts.active },
    jobs: await countJobs(db),
    payments: { settled: formatUnits(counts.settled), locked: formatUnits(counts.locked) },
  };
}

async function countJobs(db: Database): Promise<z.infer<typeof statsSchema>["jobs"]> {
  const rows = await db
    .selectFrom("jobs")
    .select(({ fn }) => ["state", fn.countAll<bigint>().as("jobs")])
    .groupBy("state")
    .execute();
  const of = (...states: string[]): number =>
    rows.filter((row) => states.includes(row.state)).reduce((sum, row) => sum + Number(row.jobs), 0);
  return {
    total: rows.reduce((sum, row) => sum + Number(row.jobs), 0),
    pending: of("CREATED", "QUEUED", "ESCROWED"),
    running: of("ASSIGNED", "RUNNING", "VERIFYING"),
    completed: of("COMPLETED"),
    failed: of("FAILED"),
    cancelled: of("CANCELLED"),
  };
}
