/** REST of jobs: the caller's own. Another user's job does not exist for them. */
import { AppError, parseCid, parseJobId, parseQuoteId } from "@cyxwiz/primitives";
import type { ObjectStore } from "@cyxwiz/cyxcloud";
import {
  cancelJobRequestSchema,
  changeJobRequestSchema,
  jobListSchema,
  JOB_STATES,
  jobSchema,
  lossCurveSchema,
  submitJobRequestSchema,
} from "@cyxwiz/protocol/rest";
import { z } from "zod";
import type { Database } from "../database/open-database.ts";
import { sendObject } from "../objects/send-object.ts";
import { quoteOf } from "../quotes/quote-record.ts";
import { userOf, type AuthenticatedHooks } from "../rest/authenticated.ts";
import type { RestApp } from "../rest/rest-app.ts";
import type { JobChanges } from "./job-changes.ts";
import { readJobCursor, writeJobCursor } from "./job-cursor.ts";
import { JOB_ERRORS } from "./job-errors.ts";
import { findJob } from "./job-query.ts";
import type { JobReader } from "./job-reader.ts";
import type { JobService } from "./job-service.ts";
import { DEFAULT_JOBS_PAGE, MAX_JOBS_PAGE } from "./limits.ts";
import type { JobResultRecord } from "../verification/job-ending.ts";

export interface JobRouteOptions {
  readonly db: Database;
  readonly hooks: AuthenticatedHooks;
  readonly store: ObjectStore;
  readonly jobs: JobService;
  readonly changes: JobChanges;
  readonly reader: JobReader;
}

const jobParams = z.object({ id: z.string() });
const pageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(MAX_JOBS_PAGE).default(DEFAULT_JOBS_PAGE),
  cursor: z.string().max(200).optional(),
  state: z.enum(JOB_STATES).optional().describe("Only jobs in this state"),
});

export function registerJobRoutes(app: RestApp, options: JobRouteOptions): void {
  registerCommandRoutes(app, options);
  registerReadRoutes(app, options);
  registerResultRoutes(app, options);
  registerGraphRoute(app, options);
}

function registerCommandRoutes(app: RestApp, { hooks, jobs, changes, reader }: JobRouteOptions): void {
  app.post(
    "/api/jobs",
    {
      onRequest: hooks.requireUser,
      schema: {
        tags: ["jobs"],
        summary: "Submit a job under a quote: locks its amount and queues it",
        body: submitJobRequestSchema,
        response: { 200: jobSchema },
      },
    },
    async (request) => {
      const { userId } = userOf(request);
      const { quote_id, job_id } = request.body;
      const jobId = job_id === undefined ? undefined : parseJobId(job_id);
      return reader.one(await jobs.submit({ userId, quoteId: parseQuoteId(quote_id), jobId }), userId);
    },
  );
  app.post(
    "/api/jobs/:id/cancel",
    {
      onRequest: hooks.requireUser,
      schema: {
        tags: ["jobs"],
        summary: "Stop a job; committed steps are paid, the rest is refunded",
        params: jobParams,
        body: cancelJobRequestSchema,
        response: { 200: jobSchema },
      },
    },
    async (request) => {
      const { userId } = userOf(request);
      const jobId = parseJobId(request.params.id);
      await jobs.cancel({ userId, jobId, reason: request.body.reason, keepModel: request.body.keep_model });
      return reader.one(jobId, userId);
    },
  );
  app.post(
    "/api/jobs/:id/changes",
    {
      onRequest: hooks.requireUser,
      schema: {
        tags: ["jobs"],
        summary: "Change a running job: learning rate, batch size, or end it now with its model",
        params: jobParams,
        body: changeJobRequestSchema,
        response: { 200: jobSchema },
      },
    },
    async (request) => {
      const { userId } = userOf(request);
      const jobId = parseJobId(request.params.id);
      await changes.ask({ jobId, userId, change: request.body });
      return reader.one(jobId, userId);
    },
  );
}

/** The graph as it was quoted: what a receipt's hash is of. */
function registerGraphRoute(app: RestApp, { db, hooks }: JobRouteOptions): void {
  app.get(
    "/api/jobs/:id/graph",
    {
      onRequest: hooks.requireUser,
      schema: { tags: ["jobs"], summary: "The graph of a job, as a .cyxwiz document", params: jobParams },
    },
    async (request, reply) => {
      const { job } = await findJob(db, parseJobId(request.params.id), userOf(request).userId);
      const { graph } = await quoteOf(db, job);
      return reply.type("application/json").send(graph);
    },
  );
}

function registerReadRoutes(app: RestApp, { hooks, reader }: JobRouteOptions): void {
  app.get(
    "/api/jobs",
    {
      onRequest: hooks.requireUser,
      schema: {
        tags: ["jobs"],
        summary: "Your jobs, newest first",
        querystring: pageQuery,
        response: { 200: jobListSchema },
      },
    },
    async (request) => {
      const { limit, cursor, state } = request.query;
      const before = cursor === undefined ? undefined : readJobCursor(cursor);
      const states = state === undefined ? {} : { states: [state] };
      const page = await reader.page(userOf(request).userId, { limit: limit + 1, before, ...states });
      const last = page.length > limit ? page[limit - 1]?.record.job : undefined;
      return {
        jobs: page.slice(0, limit).map(({ shown }) => shown),
        next_cursor: last ? writeJobCursor({ createdAt: last.created_at, id: last.id }) : null,
      };
    },
  );
  app.get(
    "/api/jobs/:id",
    {
      onRequest: hooks.requireUser,
      schema: {
        tags: ["jobs"],
        summary: "One of your jobs, with its history",
        params: jobParams,
        response: { 200: jobSchema },
      },
    },
    async (request) => reader.one(parseJobId(request.params.id), userOf(request).userId),
  );
}

function registerResultRoutes(app: RestApp, { db, hooks, store }: JobRouteOptions): void {
  app.get(
    "/api/jobs/:id/losses",
    {
      onRequest: hooks.requireUser,
      schema: {
        tags: ["jobs"],
        summary: "The loss curve",
        params: jobParams,
        response: { 200: lossCurveSchema },
      },
    },
    async (request) => {
      const { job } = await findJob(db, parseJobId(request.params.id), userOf(request).userId);
      const points = await db
        .selectFrom("loss_points")
        .select(["step", "loss", "accuracy", "test_accuracy"])
        .where("job_id", "=", job.id)
        .orderBy("step")
        .execute();
      // JSON has no NaN: where the loss diverged, the curve ends.
      const finite = points.filter((point) => Number.isFinite(point.loss));
      const known = (value: number | null): number | null => (Number.isFinite(value) ? value : null);
      return {
        points: finite.map(({ step, loss, accuracy, test_accuracy }) => {
          return { step: Number(step), loss, accuracy: known(accuracy), test_accuracy: known(test_accuracy) };
        }),
      };
    },
  );
  app.route({
    method: ["GET", "HEAD"],
    url: "/api/jobs/:id/model",
    onRequest: hooks.requireUser,
    schema: {
      tags: ["jobs"],
      summary: "The trained model",
      params: jobParams,
      querystring: z.object({ format: z.enum(["onnx", "safetensors"]).default("onnx") }),
    },
    handler: async (request, reply) => {
      const { format } = request.query;
      const { job } = await findJob(db, parseJobId(request.params.id), userOf(request).userId);
      const result = job.result as JobResultRecord | null;
      const artifact = format === "onnx" ? result?.onnx : result?.weights;
      const object = artifact && (await store.stat(parseCid(artifact.cid)));
      if (!object) throw new AppError(JOB_ERRORS.MODEL_NOT_FOUND, { jobId: job.id, format, state: job.state });
      const fileName = `${job.name || "model"}.${format}`;
      return sendObject(store, { request, reply }, { object, contentType: "application/octet-stream", fileName });
    },
  });
}
