/** What a node is told to do: a TaskAssignment, from what the job's quote pinned and what was done of it. */
import { AppError, defined, type AssignmentId } from "@cyxwiz/primitives";
import { AssignmentKind } from "@cyxwiz/protocol";
import { chainRoot } from "@cyxwiz/receipt";
import type { Selectable } from "kysely";
import type { Database } from "../database/open-database.ts";
import type { JobChangesTable } from "../database/schema.ts";
import { toLiveChange } from "../jobs/job-changes.ts";
import type { JobRow } from "../jobs/job-state.ts";
import { quoteOf, type QuoteRecord } from "../quotes/quote-record.ts";
import { chainOf, sha256 } from "../verification/job-chain.ts";
import { readVerification, rerunTask } from "../verification/rerun-task.ts";
import { ASSIGNMENT_ERRORS } from "./assignment-errors.ts";
import { LEASE_MS } from "./limits.ts";
import type { ServerMessageBody } from "./task-streams.ts";

type TaskBody = Omit<Extract<ServerMessageBody, { case: "assignment" }>["value"], "$typeName" | "$unknown">;

/** The message that hands a live assignment to its node: a TRAIN from the last checkpoint, a VERIFY with its piece. */
export async function taskMessage(db: Database, assignmentId: AssignmentId): Promise<ServerMessageBody> {
  const row = await readAssignment(db, assignmentId);
  const job = await db.selectFrom("jobs").selectAll().where("id", "=", row.job_id).executeTakeFirstOrThrow();
  const quote = await quoteOf(db, job);
  const work = row.kind === "TRAIN" ? await training(db, job, quote) : await rerunning(db, row.id, job);
  return {
    case: "assignment",
    value: {
      ...jobPart(quote),
      assignmentId,
      jobId: row.job_id,
      unitId: row.unit_id,
      fencingToken: row.fencing_token,
      leaseSeconds: LEASE_MS / 1000,
      lowering: row.lowering,
      build: row.build,
      threads: row.threads,
      memoryBytes: row.memory_bytes,
      ...work,
    },
  };
}

/** From the last checkpoint on, with the chain up to it and every change by the user. */
async function training(db: Database, job: JobRow, quote: QuoteRecord): Promise<Partial<TaskBody>> {
  const resume = await db
    .selectFrom("checkpoints")
    .selectAll()
    .where("job_id", "=", job.id)
    .orderBy("step", "desc")
    .limit(1)
    .executeTakeFirst();
  const chain = await chainOf(db, job, quote);
  return {
    kind: AssignmentKind.TRAIN,
    changes: (await changesOf(db, job)).map(toLiveChange),
    ...(chain && { chainHead: chainRoot(chain, sha256) }),
    ...(resume && {
      resume: { step: resume.step, cid: resume.cid, sha256: resume.sha256, sizeBytes: resume.size_bytes },
    }),
  };
}

/** A piece of the job, with the changes that took effect in it or before. On the same class the build is pinned. */
async function rerunning(db: Database, assignmentId: string, job: JobRow): Promise<Partial<TaskBody>> {
  const { mode, verification_id } = await db
    .selectFrom("reruns")
    .select(["mode", "verification_id"])
    .where("assignment_id", "=", assignmentId)
    .executeTakeFirstOrThrow();
  const row = await db
    .selectFrom("verifications")
    .selectAll()
    .where("id", "=", verification_id)
    .executeTakeFirstOrThrow();
  const verification = defined(readVerification(row), "a verification with a drawn interval");
  const changes = await changesOf(db, job);
  return {
    kind: AssignmentKind.VERIFY,
    changes: changes.filter(({ applied_step }) => applied_step !== null).map(toLiveChange),
    rerun: rerunTask(verification, mode),
    ...(mode === "distance" && { build: "" }),
  };
}

/** What the quote pinned. */
function jobPart({ dataset, settings, graph, seed, totalSteps }: QuoteRecord): Partial<TaskBody> {
  return {
    graph,
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
    seed,
    totalSteps: BigInt(totalSteps),
  };
}

async function readAssignment(db: Database, assignmentId: AssignmentId) {
  const row = await db
    .selectFrom("assignments")
    .innerJoin("compute_units", "compute_units.id", "assignments.unit_id")
    .select([
      "assignments.id",
      "assignments.job_id",
      "assignments.kind",
      "assignments.unit_id",
      "assignments.fencing_token",
      "assignments.lowering",
      "assignments.build",
      "assignments.threads",
      "compute_units.memory_bytes",
    ])
    .where("assignments.id", "=", assignmentId)
    .where("assignments.ended_at", "is", null)
    .executeTakeFirst();
  if (!row) throw new AppError(ASSIGNMENT_ERRORS.ASSIGNMENT_OVER, { assignmentId });
  return row;
}

/** In the order in which they took effect; those that wait are last. */
async function changesOf(db: Database, { id }: JobRow): Promise<readonly Selectable<JobChangesTable>[]> {
  return db
    .selectFrom("job_changes")
    .selectAll()
    .where("job_id", "=", id)
    .orderBy("applied_step", (order) => order.asc().nullsLast())
    .orderBy("requested_at")
    .orderBy("id")
    .execute();
}
