/**
 * The REST port: Fastify with Zod schemas as the one source of validation, types and OpenAPI 3.1.
 *
 * This file sets what holds for every route: limits, headers, errors, request ids. Routes are registered by the features,
 * with their schemas; what a route answers is checked against its schema too, so the document at /api/openapi.json is true.
 */
import { randomUUID } from "node:crypto";
import cors from "@fastify/cors";
import swagger from "@fastify/swagger";
import type { Logger } from "@cyxwiz/platform";
import fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type RawReplyDefaultExpression,
  type RawRequestDefaultExpression,
  type RawServerDefault,
} from "fastify";
import {
  jsonSchemaTransform,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from "fastify-type-provider-zod";
import {
  HEADER_BYTES,
  HEADERS_TIMEOUT_MS,
  JSON_BODY_BYTES,
  KEEP_ALIVE_TIMEOUT_MS,
  PATH_PARAMETER_CHARS,
  REQUEST_TIMEOUT_MS,
  REST_CONNECTIONS,
} from "../limits.ts";
import { answerErrors } from "./answer-errors.ts";
import { answerUnknownRoutes } from "./unknown-routes.ts";

/** What features register their routes on. */
export type RestApp = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  ZodTypeProvider
>;

export interface RestAppOptions {
  readonly logger: Logger;
  readonly version: string;
  /** Origins of web pages that may call this API; none by default. */
  readonly allowedOrigins: readonly string[];
}

/** An API answers data, never a page: nothing in it may be run, framed, guessed at or kept by a shared cache. */
const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cache-control": "no-store",
};

/** Makes the app without routes. The caller registers them, listens, and closes it. */
export async function createRestApp(options: RestAppOptions): Promise<RestApp> {
  const app: RestApp = fastify({
    logger: false,
    bodyLimit: JSON_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    http: { maxHeaderSize: HEADER_BYTES, headersTimeout: HEADERS_TIMEOUT_MS },
    routerOptions: { maxParamLength: PATH_PARAMETER_CHARS },
    forceCloseConnections: "idle",
    requestIdHeader: false,
    genReqId: () => randomUUID(),
  }).withTypeProvider<ZodTypeProvider>();
  app.server.maxConnections = REST_CONNECTIONS;
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.decorateRequest("principal", null);
  app.addHook("onRequest", async (request, reply) => {
    void reply.headers({ ...SECURITY_HEADERS, "x-request-id": request.id });
  });
  answerErrors(app, options.logger);
  answerUnknownRoutes(app);
  await app.register(cors, {
    origin: [...options.allowedOrigins],
    methods: ["GET", "POST", "PUT", "DELETE"],
    // The last three are where gRPC-Web puts how a call ended when it has no body.
    exposedHeaders: ["x-request-id", "retry-after", "grpc-status", "grpc-message", "grpc-status-details-bin"],
    maxAge: 600,
  });
  await describeApi(app, options.version);
  return app;
}

async function describeApi(app: RestApp, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: { title: "CyxWiz Central Server", version },
      components: { securitySchemes: { bearer: { type: "http", scheme: "bearer" } } },
    },
    transform: (route) => (isRpc(route.url) ? { schema: { hide: true }, url: route.url } : jsonSchemaTransform(route)),
  });
  app.get("/api/openapi.json", { schema: { hide: true } }, async () => app.swagger());
}

/** The RPC services share the port, but their contract is `proto/`, not OpenAPI. */
function isRpc(url: string): boolean {
  return url.startsWith("/cyxwiz.");
}
