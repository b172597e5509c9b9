/** What a node is told to do: a TaskAssignment, from what the job's quote pinned and its last checkpoint. */
import { AppError, type AssignmentId } from "@cyxwiz/primitives";
import { AssignmentKind } from "@cyxwiz/protocol";
import type { Allocation } from "@cyxwiz/protocol/rest";
import type { Database } from "../database/open-database.ts";
import { toQuoteRecord } from "../quotes/quote-record.ts";
import { ASSIGNMENT_ERRORS } from "./assignment-errors.ts";
import { LEASE_MS } from "./limits.ts";
import type { ServerMessageBody } from "./task-streams.ts";

/** Threads of a job on a GPU unit: enough to feed it. */
const GPU_THREADS = 2;

/** The message that hands a live assignment to its node, resuming at the last committed checkpoint. */
export async function taskMessage(db: Database, assignmentId: AssignmentId): Promise<ServerMessageBody> {
  const row = await db
    .selectFrom("assignments")
    .innerJoin("jobs", "jobs.id", "assignments.job_id")
    .innerJoin("compute_units", "compute_units.id", "assignments.unit_id")
    .select([
      "assignments.job_id",
      "assignments.unit_id",
      "assignments.fencing_token",
      "jobs.quote_id",
      "compute_units.lowering",
      "compute_units.cores",
      "compute_units.memory_bytes",
      "compute_units.allocation",
    ])
    .where("assignments.id", "=", assignmentId)
    .where("assignments.ended_at", "is", null)
    .executeTakeFirst();
  if (!row) throw new AppError(ASSIGNMENT_ERRORS.ASSIGNMENT_OVER, { assignmentId });
  const quoted = await db.selectFrom("quotes").selectAll().where("id", "=", row.quote_id).executeTakeFirstOrThrow();
  const resume = await db
    .selectFrom("checkpoints")
    .selectAll()
    .where("job_id", "=", row.job_id)
    .orderBy("step", "desc")
    .limit(1)
    .executeTakeFirst();
  const quote = toQuoteRecord(quoted);
  const { dataset, settings } = quote;
  return {
    case: "assignment",
    value: {
      assignmentId,
      jobId: row.job_id,
      unitId: row.unit_id,
      kind: AssignmentKind.TRAIN,
      fencingToken: row.fencing_token,
      leaseSeconds: LEASE_MS / 1000,
      graph: quote.graph,
      dataset: {
        cid: dataset.cid,
        sizeBytes: BigInt(dataset.size_bytes),
        trainSamples: BigInt(dataset.train_samples),
        testSamples: BigInt(dataset.test_samples),
        sampleShape: dataset.sample_shape,
        classes: dataset.classes,
        targetShape: dataset.target_shape,
      },
      settings: {
        batchSize: settings.batch_size,
        epochs: settings.epochs,
        checkpointEverySteps: settings.checkpoint_every_steps,
        ...(settings.learning_rate !== null && { learningRate: settings.learning_rate }),
      },
      seed: quote.seed,
      lowering: row.lowering ?? "",
      totalSteps: BigInt(quote.totalSteps),
      ...(resume && {
        resume: { step: resume.step, cid: resume.cid, sha256: resume.sha256, sizeBytes: resume.size_bytes },
      }),
      threads: row.cores > 0 ? ((row.allocation as Allocation).cores_allocated ?? row.cores) : GPU_THREADS,
      memoryBytes: row.memory_bytes,
    },
  };
}
