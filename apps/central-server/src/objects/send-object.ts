import { Readable } from "node:stream";
import type { ByteRange, ObjectStore, StoredObject } from "@cyxwiz/cyxcloud";
import type { FastifyReply, FastifyRequest } from "fastify";
import { requestedRange } from "./byte-range.ts";

export interface SentObject {
  readonly object: StoredObject;
  readonly contentType: string;
  /** Offered to a browser as the name to save under; letters, digits, `-`, `_` and `.` only. */
  readonly fileName?: string;
}

/** Answers a GET or HEAD with an object's bytes, or the range of them that was asked for. */
export async function sendObject(
  store: ObjectStore,
  http: { readonly request: FastifyRequest; readonly reply: FastifyReply },
  sent: SentObject,
): Promise<FastifyReply> {
  const { request, reply } = http;
  const { cid, sizeBytes } = sent.object;
  const asked = requestedRange(request.headers.range, sizeBytes);
  void reply.headers({ "accept-ranges": "bytes", "content-type": sent.contentType, etag: `"${cid}"` });
  if (sent.fileName !== undefined) {
    void reply.header("content-disposition", `attachment; filename="${sent.fileName.replaceAll(/[^\w.-]/g, "_")}"`);
  }
  if (asked.kind === "unsatisfiable") {
    return reply.code(416).header("content-range", `bytes */${sizeBytes}`).header("content-length", 0).send();
  }
  const range: ByteRange = asked.kind === "part" ? asked.range : { start: 0, end: sizeBytes };
  void reply.header("content-length", range.end - range.start);
  if (asked.kind === "part") {
    void reply.code(206).header("content-range", `bytes ${range.start}-${range.end - 1}/${sizeBytes}`);
  }
  if (request.method === "HEAD") return reply.send();
  return reply.send(Readable.from(await store.get(cid, { range }), { objectMode: false }));
}
