/** REST of objects: bytes in by POST, out by GET with ranges. They are streamed and never held in memory. */
import { Readable } from "node:stream";
import { AppError, parseCid } from "@cyxwiz/primitives";
import type { ObjectStore } from "@cyxwiz/cyxcloud";
import { storedObjectSchema } from "@cyxwiz/protocol/rest";
import { z } from "zod";
import { principalOf, type AuthenticatedHooks } from "../rest/authenticated.ts";
import type { RestApp } from "../rest/rest-app.ts";
import { MAX_OBJECT_BYTES } from "./limits.ts";
import { OBJECT_ERRORS } from "./object-errors.ts";
import type { ObjectService } from "./object-service.ts";
import { sendObject } from "./send-object.ts";

export interface ObjectRouteOptions {
  readonly hooks: AuthenticatedHooks;
  readonly store: ObjectStore;
  readonly objects: ObjectService;
}

export function registerObjectRoutes(app: RestApp, { hooks, store, objects }: ObjectRouteOptions): void {
  app.addContentTypeParser("application/octet-stream", (_request, payload, done) => done(null, payload));
  app.post(
    "/api/objects",
    {
      onRequest: hooks.requireAny,
      bodyLimit: MAX_OBJECT_BYTES,
      schema: {
        tags: ["objects"],
        summary: "Store the body's bytes; the same bytes have the same id",
        consumes: ["application/octet-stream"],
        response: { 200: storedObjectSchema },
      },
    },
    async (request) => {
      const { body } = request;
      if (!(body instanceof Readable)) throw new AppError(OBJECT_ERRORS.BODY_MISSING, {});
      const stored = await objects.put(body as AsyncIterable<Uint8Array>, principalOf(request));
      return { cid: stored.cid, size_bytes: stored.sizeBytes };
    },
  );
  app.route({
    method: ["GET", "HEAD"],
    url: "/api/objects/:cid",
    onRequest: hooks.requireAny,
    schema: {
      tags: ["objects"],
      summary: "The bytes of an object, or a range of them",
      params: z.object({ cid: z.string() }),
    },
    handler: async (request, reply) => {
      const object = await objects.requireReadable(parseCid(request.params.cid), principalOf(request));
      return sendObject(store, { request, reply }, { object, contentType: "application/octet-stream" });
    },
  });
}
