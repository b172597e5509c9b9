/** Why queued jobs have no node, in one sentence each. */
import type { JobId } from "@cyxwiz/primitives";
import { describeAdvice, explain } from "@cyxwiz/market";
import type { Database } from "../database/open-database.ts";
import { unfitReasons } from "../quotes/present-quote.ts";
import type { FleetUnit } from "./fleet-query.ts";
import { readQueue } from "./queue-query.ts";

/** The explanations of those of the given jobs that wait for a node now. */
export async function explainWaiting(
  db: Database,
  readFleet: () => Promise<readonly FleetUnit[]>,
  jobIds: readonly JobId[],
): Promise<ReadonlyMap<JobId, string>> {
  if (jobIds.length === 0) return new Map();
  const fleet = await readFleet();
  const jobs = await readQueue(db, fleet, jobIds);
  return new Map(jobs.map((job) => [job.jobId, sentence(fleet, job)]));
}

function sentence(fleet: readonly FleetUnit[], job: Parameters<typeof explain>[1]): string {
  if (fleet.length === 0) return "no compute unit is registered";
  const { reasons, fitting, advice } = explain(fleet, job);
  if (fitting > 0) return `${fitting} unit(s) fit; the job is placed at its turn`;
  const out = unfitReasons(reasons, 0).map((reason) => reason.message);
  return `no unit fits now: ${out.join("; ")}${advice ? `. What would help: ${describeAdvice(advice)}` : ""}`;
}
