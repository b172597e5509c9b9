/**
 * A Central Server for one node, on loopback: REST over HTTP, gRPC through the protocol's own server adapter. It keeps what
 * it was told and says what a test tells it to; it schedules nothing.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createPublicKey, verify } from "node:crypto";
import { defined } from "@cyxwiz/primitives";
import { BoundedQueue } from "@cyxwiz/platform";
import { NodeService, type NodeTaskMessage, StatusCode } from "@cyxwiz/protocol";
import { createGrpcServer, type GrpcServer, implement } from "@cyxwiz/protocol/server";
import { registerNodeRequestSchema, type RegisterNodeBody } from "@cyxwiz/protocol/rest";
import type { Assignment } from "../src/central/messages.ts";
import { cidOf, UNIT_ID } from "./sample-assignment.ts";
import { wireAssignment } from "./wire-form.ts";

export const OWNER_TOKEN = "owner-token";
const OWNER_ID = "33333333-3333-4333-8333-333333333333";

type Outgoing = { message: { case: string; value: object } };
type Verdict = { readonly accepted: boolean; readonly code?: string } | "silent";

export class FakeCentral implements AsyncDisposable {
  readonly objects = new Map<string, Buffer>();
  readonly reports: NodeTaskMessage[] = [];
  readonly hellos: Extract<NodeTaskMessage["message"], { case: "hello" }>["value"][] = [];
  readonly registrations: RegisterNodeBody[] = [];
  readonly restBeats: { readonly compute_units: readonly { status: string }[] }[] = [];
  grpcBeats = 0;
  /** Commands for the next REST heartbeat. */
  commands: object[] = [];
  /** The only API key that is good; a registration makes a new one. */
  apiKey = "";
  verdict: (report: NodeTaskMessage) => Verdict = () => ({ accepted: true });
  /** Answers a registration with this id instead of the node's own. */
  answeredId = "";
  /** Answers uploads with 503 while true. */
  isStoreDown = false;
  #keys = 0;
  #streams = new Set<BoundedQueue<Outgoing>>();
  #grpc: GrpcServer | undefined;
  readonly #http = createServer((request, response) => void this.#serve(request, response));

  static async start(): Promise<FakeCentral> {
    const central = new FakeCentral();
    await central.#listen(0);
    await new Promise<void>((resolve) => central.#http.listen(0, "127.0.0.1", resolve));
    return central;
  }

  get apiUrl(): string {
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}`;
  }

  get grpcAddress(): string {
    return `127.0.0.1:${defined(this.#grpc, "the gRPC server").port}`;
  }

  get openStreams(): number {
    return this.#streams.size;
  }

  /** Stores bytes under the id of some text, which a dishonest store need not hold. */
  async store(text: string, bytes: string = text): Promise<void> {
    this.objects.set(await cidOf(text), Buffer.from(bytes));
  }

  assign(assignment: Assignment): void {
    this.send({ message: { case: "assignment", value: { ...wireAssignment(assignment), leaseSeconds: 30 } } });
  }

  cancel(assignment: Assignment, keepModel: boolean): void {
    const { assignmentId, fencingToken } = assignment;
    this.send({ message: { case: "cancel", value: { assignmentId, fencingToken, keepModel, reason: "test" } } });
  }

  /** Any message to the node, in its wire form. */
  send(message: Outgoing): void {
    for (const stream of this.#streams) stream.push(message);
  }

  /** The kinds of the reports so far, progress left out. */
  kinds(): readonly string[] {
    return this.reports.map((report) => String(report.message.case)).filter((kind) => kind !== "progress");
  }

  /** The last report of a kind. */
  last<K extends string>(kind: K): Extract<NodeTaskMessage["message"], { case: K }>["value"] {
    const found = this.reports.findLast((report) => report.message.case === kind);
    return defined(found, `a report of kind ${kind}`).message.value as never;
  }

  /** Cuts every gRPC connection and listens again on the same port. */
  async restart(): Promise<void> {
    const grpc = defined(this.#grpc, "the gRPC server");
    await this.#stop();
    await this.#listen(grpc.port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
    this.#http.closeAllConnections();
    await new Promise((resolve) => this.#http.close(resolve));
  }

  async #stop(): Promise<void> {
    for (const stream of this.#streams) stream.close();
    await this.#grpc?.close(0);
    this.#streams.clear();
  }

  async #listen(port: number): Promise<void> {
    const services = [
      implement(NodeService, {
        registerNode: (request, { metadata }) => {
          const isKnown = metadata.get("authorization") === `Bearer ${this.apiKey}`;
          if (!isKnown) return { status: StatusCode.STATUS_FAILED, error: { code: 401, message: "unknown key" } };
          const nodeId = this.registrations.at(-1)?.machine_id ?? "";
          return { status: StatusCode.STATUS_SUCCESS, nodeId, sessionToken: String(request.publicKey.length) };
        },
        heartbeat: () => {
          this.grpcBeats++;
          return { status: StatusCode.STATUS_SUCCESS, keepAlive: true };
        },
        streamTasks: (requests) => this.#stream(requests) as never,
      }),
    ];
    this.#grpc = await createGrpcServer({ address: `127.0.0.1:${port}`, services });
  }

  async *#stream(requests: AsyncIterable<NodeTaskMessage>): AsyncGenerator<Outgoing> {
    const queue = new BoundedQueue<Outgoing>(1_000);
    void this.#read(requests, queue).catch(() => queue.close());
    try {
      yield* queue;
    } finally {
      this.#streams.delete(queue);
    }
  }

  async #read(requests: AsyncIterable<NodeTaskMessage>, queue: BoundedQueue<Outgoing>): Promise<void> {
    for await (const request of requests) {
      if (request.message.case === "hello") {
        this.hellos.push(request.message.value);
        this.#streams.add(queue);
        queue.push({ message: { case: "welcome", value: { leaseSeconds: 30, serverTime: 0n } } });
        continue;
      }
      const verdict = this.verdict(request);
      if (verdict === "silent") continue;
      this.reports.push(request);
      queue.push({ message: { case: "answer", value: { sequence: request.sequence, ...verdict } } });
    }
    queue.close();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const body = Buffer.concat(pieces);
    const answer = (status: number, json: object): void => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(json));
    };
    const refuse = (status: number, code: string): void =>
      answer(status, { error: code, code, details: { reason: `test/${status}` } });
    const route = `${request.method} ${request.url}`;
    const isOwner = request.headers.authorization === `Bearer ${OWNER_TOKEN}`;
    const isNode = this.apiKey !== "" && request.headers.authorization === `Bearer ${this.apiKey}`;
    if (!isOwner && !isNode) return refuse(401, "UNAUTHORIZED");
    if (route === "GET /api/auth/me" && isOwner) return answer(200, { id: OWNER_ID, role: "user" });
    if (route === "POST /api/nodes/register" && isOwner)
      return this.#register(JSON.parse(body.toString()), answer, refuse);
    if (route.startsWith("POST /api/nodes/") && route.endsWith("/heartbeat")) {
      this.restBeats.push(JSON.parse(body.toString()));
      return answer(200, { success: true, commands: this.commands.splice(0) });
    }
    if (route === "POST /api/objects") {
      if (this.isStoreDown) return refuse(503, "SERVER_ERROR");
      const cid = await cidOf(body.toString());
      this.objects.set(cid, body);
      return answer(201, { cid, size_bytes: body.length });
    }
    const object = this.objects.get(/^GET \/api\/objects\/(.+)$/.exec(route)?.[1] ?? "");
    if (!object) return refuse(404, "NOT_FOUND");
    response.end(object);
  }

  #register(
    json: unknown,
    answer: (status: number, json: object) => void,
    refuse: (status: number, code: string) => void,
  ): void {
    const body = registerNodeRequestSchema.parse(json);
    const x = Buffer.from(body.public_key, "hex").toString("base64url");
    const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
    const text = Buffer.from(`cyxwiz-register:${body.machine_id}:${OWNER_ID}`);
    if (!verify(null, text, key, Buffer.from(body.proof, "hex"))) return refuse(403, "FORBIDDEN");
    this.registrations.push(body);
    this.apiKey = `node-key-${++this.#keys}`;
    const compute_units = body.compute_units.map(({ device_type, device_id }) => ({
      unit_id: UNIT_ID,
      device_type,
      device_id,
      status: "active",
    }));
    const ids = { machine_id: body.machine_id, node_id: this.answeredId || body.machine_id };
    answer(200, { success: true, ...ids, api_key: this.apiKey, compute_units });
  }
}
