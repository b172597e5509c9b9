/**
 * Every failure of a route becomes `{ error, code, details: { reason } }`.
 *
 * Refusals (AppError) are answered as they are. Malformed requests name the field, what came and what is allowed. All
 * else is our bug: it leaves as internal without detail and is logged once, with the request's id, which the answer carries.
 */
import { AppError, isAppError, isError } from "@cyxwiz/primitives";
import type { Logger } from "@cyxwiz/platform";
import { toRestError } from "@cyxwiz/protocol";
import type { ErrorBody } from "@cyxwiz/protocol/rest";
import type { FastifyError, FastifyRequest } from "fastify";
import { CENTRAL_ERRORS } from "../errors.ts";
import { JSON_BODY_BYTES, PROBLEMS_NAMED, SHOWN_VALUE_CHARS } from "../limits.ts";
import type { RestApp } from "./rest-app.ts";

/** Fields whose values an answer never repeats. */
const SECRET_FIELD = /password|secret|token|api_?key|signature|proof/i;

/** Sets the error handler of the app. */
export function answerErrors(app: RestApp, logger: Logger): void {
  app.setErrorHandler<FastifyError | AppError>(async (error, request, reply) => {
    const known = isAppError(error) ? error : (malformed(error, request) ?? error);
    const { status, body } = toRestError(known);
    if (status === 500) {
      logger.error("request failed", {
        requestId: request.id,
        route: request.routeOptions.url,
        error: describe(error),
      });
    }
    if (isError(known, CENTRAL_ERRORS.LOGIN_RATE_EXCEEDED)) {
      void reply.header("retry-after", String(known.context.retryAfterSeconds));
    }
    if (isError(known, CENTRAL_ERRORS.METHOD_UNSUPPORTED)) void reply.header("allow", known.context.allowed.join(", "));
    const exact = exactAnswer(known);
    return reply.code(exact?.status ?? status).send({ ...body, code: exact?.code ?? body.code });
  });
}

/** HTTP has exact words for two refusals that gRPC statuses lack. */
function exactAnswer(error: unknown): { readonly status: number; readonly code: ErrorBody["code"] } | undefined {
  if (isError(error, CENTRAL_ERRORS.BODY_SIZE_EXCEEDED)) return { status: 413, code: "INVALID_REQUEST" };
  if (isError(error, CENTRAL_ERRORS.METHOD_UNSUPPORTED)) return { status: 405, code: "INVALID_REQUEST" };
  return undefined;
}

/** What Fastify itself refuses before a handler runs. */
function malformed(error: FastifyError, request: FastifyRequest): AppError | undefined {
  if (error.validation) return requestMalformed(problemsOf(error, request));
  if (error.code === "FST_ERR_CTP_BODY_TOO_LARGE") {
    const allowedBytes = request.routeOptions.bodyLimit ?? JSON_BODY_BYTES;
    return new AppError(CENTRAL_ERRORS.BODY_SIZE_EXCEEDED, { allowedBytes });
  }
  if (error.code === "FST_ERR_CTP_INVALID_MEDIA_TYPE") {
    const sent = request.headers["content-type"] ?? "missing";
    return requestMalformed([`the content-type is ${sent.slice(0, SHOWN_VALUE_CHARS)}: expected application/json`]);
  }
  const status = error.statusCode ?? 500;
  return status >= 400 && status < 500 ? requestMalformed([error.message]) : undefined;
}

function requestMalformed(problems: readonly string[]): AppError {
  return new AppError(CENTRAL_ERRORS.REQUEST_MALFORMED, { problems });
}

function problemsOf(error: FastifyError, request: FastifyRequest): string[] {
  const where = error.validationContext ?? "body";
  const source = where === "querystring" ? request.query : where === "params" ? request.params : request.body;
  return (error.validation ?? []).slice(0, PROBLEMS_NAMED).map((problem) => {
    const path = problem.instancePath.split("/").filter((part) => part !== "");
    return `${[where, ...path].join(".")} ${whatCame(source, path)}: ${problem.message ?? "not allowed"}`;
  });
}

function whatCame(source: unknown, path: readonly string[]): string {
  if (path.some((part) => SECRET_FIELD.test(part))) return "is not as it must be";
  let value = source;
  for (const part of path) {
    value = typeof value === "object" && value !== null ? (value as Record<string, unknown>)[part] : undefined;
  }
  if (value === undefined) return "is missing";
  if (typeof value === "object" && value !== null) return `is ${Array.isArray(value) ? "a list" : "an object"}`;
  return `is ${JSON.stringify(value).slice(0, SHOWN_VALUE_CHARS)}`;
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
