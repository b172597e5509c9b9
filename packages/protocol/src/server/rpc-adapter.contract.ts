import { createContextKey } from "@connectrpc/connect";
import type { ContextKey } from "@connectrpc/connect";
import { AppError, isAppError } from "@cyxwiz/primitives";
import type { ErrorSpec } from "@cyxwiz/primitives";
import { describe, expect, test } from "vitest";
import type { RpcClients } from "../client/rpc-clients.ts";
import { StatusCode } from "../gen/cyxwiz/protocol/common_pb.ts";
import { JobExecutionService } from "../gen/cyxwiz/protocol/execution_pb.ts";
import { ModelService } from "../gen/cyxwiz/protocol/deployment_pb.ts";
import { JobService } from "../gen/cyxwiz/protocol/job_pb.ts";
import { NodeService } from "../gen/cyxwiz/protocol/node_pb.ts";
import type { DispatchOptions } from "./dispatch.ts";
import type { RpcOutcome } from "./rpc-context.ts";
import type { RpcLimits } from "./rpc-limits.ts";
import { implement } from "./service-handlers.ts";
import type { ServiceImplementation } from "./service-handlers.ts";

/** A started adapter with clients of it. */
export interface StartedAdapter extends AsyncDisposable {
  readonly clients: RpcClients;
  /** Sends bytes as the request of a unary method; answers the gRPC status number. */
  sendRaw(method: string, bytes: Uint8Array): Promise<number>;
}

export interface AdapterOptions extends DispatchOptions {
  readonly services: readonly ServiceImplementation[];
  readonly limits?: RpcLimits;
}

export interface AdapterUnderTest {
  readonly name: string;
  /** Whether the adapter carries client and bidirectional streams. */
  readonly hasRequestStreams: boolean;
  start(options: AdapterOptions): Promise<StartedAdapter>;
}

const TOO_DEAR: ErrorSpec<{ allowed: bigint; asked: bigint }> = {
  code: "test/too-dear",
  rpc: "failed-precondition",
  retry: "backoff",
  message: (c) => `asked for ${c.asked}, allowed is ${c.allowed}`,
};
const INTERNAL: ErrorSpec<{ path: string }> = {
  code: "test/disk-failed",
  rpc: "internal",
  retry: "never",
  message: (c) => `cannot write ${c.path}`,
};
const CALLER: ContextKey<string> = createContextKey("nobody");

async function failureOf(call: Promise<unknown>): Promise<AppError> {
  const error = await call.then(
    () => expect.fail("the call should fail"),
    (failure: unknown) => failure,
  );
  if (!isAppError(error)) return expect.fail(`not an AppError: ${String(error)}`);
  return error;
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

async function* listOf<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

/** What every server adapter promises. */
export function rpcAdapterContract(adapter: AdapterUnderTest): void {
  describe(`rpc adapter contract: ${adapter.name}`, () => {
    unaryContract(adapter);
    failureContract(adapter);
    serverStreamContract(adapter);
    if (adapter.hasRequestStreams) requestStreamContract(adapter);
  });
}

function unaryContract(adapter: AdapterUnderTest): void {
  test("a unary call reaches its handler with metadata, peer and method, and its answer comes back", async () => {
    const jobs = implement(JobService, {
      getJobStatus: (request, context) => ({
        status: {
          jobId: request.jobId,
          status: StatusCode.STATUS_PENDING,
          state: `${context.method} ${context.metadata.get("authorization")} ${context.metadata.get("x-absent")}`,
          currentNodeId: context.peer,
        },
      }),
    });
    await using server = await adapter.start({ services: [jobs] });
    const answer = await server.clients.jobs.getJobStatus({ jobId: "j1" });
    expect(answer.status?.jobId).toBe("j1");
    expect(answer.status?.state).toBe("cyxwiz.protocol.JobService/GetJobStatus Bearer t0ken undefined");
    expect(answer.status?.currentNodeId).toMatch(/^(\[.+\]|[\d.]+):\d+$/u);
  });

  test("[PS1] a method without a handler answers UNIMPLEMENTED and names itself", async () => {
    await using server = await adapter.start({ services: [implement(JobService, {})] });
    const error = await failureOf(server.clients.jobs.cancelJob({ jobId: "j1" }));
    expect(error).toMatchObject({ code: "protocol/method-unimplemented", rpc: "unimplemented" });
    expect(error.message).toContain("cyxwiz.protocol.JobService/CancelJob");
  });

  test("an interceptor passes values on, learns the outcome, and can refuse", async () => {
    const outcomes: RpcOutcome[] = [];
    const jobs = implement(JobService, {
      deleteJob: (_request, context) => ({
        status: StatusCode.STATUS_SUCCESS,
        error: { message: context.values.get(CALLER) },
      }),
    });
    await using server = await adapter.start({
      services: [jobs],
      interceptor: (context) => {
        if (context.method.endsWith("ListJobs")) throw new AppError(TOO_DEAR, { allowed: 1n, asked: 2n });
        context.values.set(CALLER, "ada");
        return (outcome) => outcomes.push(outcome);
      },
    });
    expect((await server.clients.jobs.deleteJob({ jobId: "j" })).error?.message).toBe("ada");
    expect(await failureOf(server.clients.jobs.listJobs({}))).toMatchObject({ code: "test/too-dear" });
    await failureOf(server.clients.jobs.cancelJob({}));
    expect(outcomes.map((outcome) => outcome.status)).toEqual(["ok", "unimplemented"]);
  });

  test("[PS8] a call over the cap is refused, and the cap frees again", async () => {
    const gate = Promise.withResolvers<void>();
    const entered = Promise.withResolvers<void>();
    const jobs = implement(JobService, {
      cancelJob: async () => {
        entered.resolve();
        await gate.promise;
        return { status: StatusCode.STATUS_SUCCESS };
      },
    });
    await using server = await adapter.start({ services: [jobs], maxCalls: 1 });
    const first = server.clients.jobs.cancelJob({});
    await entered.promise;
    const error = await failureOf(server.clients.jobs.cancelJob({}));
    expect(error).toMatchObject({ code: "protocol/calls-exceeded", rpc: "resource-exhausted", retry: "backoff" });
    gate.resolve();
    await first;
    expect((await server.clients.jobs.cancelJob({})).status).toBe(StatusCode.STATUS_SUCCESS);
  });

  test("[PS5] a deadline fails the call with deadline-exceeded and aborts the handler", async () => {
    const aborted = Promise.withResolvers<void>();
    const jobs = implement(JobService, {
      cancelJob: (_request, context) => {
        context.signal.addEventListener("abort", () => aborted.resolve());
        return new Promise(() => undefined);
      },
    });
    await using server = await adapter.start({ services: [jobs] });
    const error = await failureOf(server.clients.jobs.cancelJob({}, { timeoutMs: 50 }));
    expect(error).toMatchObject({ rpc: "deadline-exceeded", retry: "backoff" });
    await aborted.promise;
  });
}

function failureContract(adapter: AdapterUnderTest): void {
  const failing = (error: unknown): ServiceImplementation =>
    implement(JobService, {
      submitJob: () => {
        throw error;
      },
    });

  test("[PS2] an AppError arrives with its code, status, message, retry class and context", async () => {
    const services = [failing(new AppError(TOO_DEAR, { allowed: 5n, asked: 7n }))];
    await using server = await adapter.start({ services });
    const error = await failureOf(server.clients.jobs.submitJob({}));
    expect(error).toMatchObject({
      code: "test/too-dear",
      rpc: "failed-precondition",
      retry: "backoff",
      message: "asked for 7, allowed is 5",
      context: { allowed: "5", asked: "7" },
    });
  });

  test("[PS3] an unknown error leaves as internal without detail, and is told once with its request id", async () => {
    const told: string[] = [];
    await using server = await adapter.start({
      services: [failing(new TypeError("password is hunter2"))],
      onUnexpectedError: (error, context) => told.push(`${String(error)} ${context.requestId}`),
    });
    const error = await failureOf(server.clients.jobs.submitJob({}));
    expect(error).toMatchObject({ code: "protocol/internal", rpc: "internal" });
    expect(error.message).not.toContain("hunter2");
    expect(told).toHaveLength(1);
    expect(told[0]).toContain("hunter2");
    const requestId = told[0]?.split(" ").at(-1) ?? "missing";
    expect(error.message).toContain(requestId);
  });

  test("[PS3] an AppError that is internal keeps its code and hides message and context", async () => {
    await using server = await adapter.start({ services: [failing(new AppError(INTERNAL, { path: "/secret" }))] });
    const error = await failureOf(server.clients.jobs.submitJob({}));
    expect(error.code).toBe("test/disk-failed");
    expect(JSON.stringify([error.message, error.context])).not.toContain("secret");
  });

  test("[PS4] malformed bytes give INVALID_ARGUMENT or INTERNAL and the server lives on", async () => {
    const jobs = implement(JobService, { getJobStatus: (request) => ({ status: { jobId: request.jobId } }) });
    await using server = await adapter.start({ services: [jobs] });
    for (const hex of ["ff", "0aff", "0a05616263", "ffffffffffffffffffff01", "08"]) {
      const status = await server.sendRaw("cyxwiz.protocol.JobService/GetJobStatus", Buffer.from(hex, "hex"));
      expect([3, 13], hex).toContain(status);
    }
    expect((await server.clients.jobs.getJobStatus({ jobId: "still here" })).status?.jobId).toBe("still here");
  });

  test("[PC4] a request over the cap is refused with resource-exhausted and the server lives on", async () => {
    const jobs = implement(JobService, { submitJob: () => ({ status: StatusCode.STATUS_SUCCESS }) });
    await using server = await adapter.start({ services: [jobs], limits: { unaryMessageBytes: 10_000 } });
    const error = await failureOf(server.clients.jobs.submitJob({ initialData: new Uint8Array(20_000) }));
    expect(error.rpc).toBe("resource-exhausted");
    const answer = await server.clients.jobs.submitJob({ initialData: new Uint8Array(5_000) });
    expect(answer.status).toBe(StatusCode.STATUS_SUCCESS);
  });
}

function serverStreamContract(adapter: AdapterUnderTest): void {
  test("a server stream arrives in order and whole", async () => {
    const jobs = implement(JobService, {
      async *streamJobUpdates(request) {
        for (let index = 0; index < 500; index += 1) yield { jobId: request.jobId, logMessage: String(index) };
      },
    });
    await using server = await adapter.start({ services: [jobs] });
    const updates = await collect(server.clients.jobs.streamJobUpdates({ jobId: "j" }));
    expect(updates.map((update) => update.logMessage)).toEqual(
      Array.from({ length: 500 }, (_, index) => String(index)),
    );
  });

  test("a stream that fails delivers what came before, then the error", async () => {
    const jobs = implement(JobService, {
      async *streamJobUpdates() {
        yield { logMessage: "one" };
        throw new AppError(TOO_DEAR, { allowed: 1n, asked: 2n });
      },
    });
    await using server = await adapter.start({ services: [jobs] });
    const seen: string[] = [];
    const reading = (async (): Promise<void> => {
      for await (const update of server.clients.jobs.streamJobUpdates({})) seen.push(update.logMessage);
    })();
    expect(await failureOf(reading)).toMatchObject({ code: "test/too-dear" });
    expect(seen).toEqual(["one"]);
  });

  test("[PS5] a reader that leaves aborts the handler's signal and ends its generator", async () => {
    const ended = Promise.withResolvers<void>();
    const jobs = implement(JobService, {
      async *streamJobUpdates(_request, context) {
        try {
          yield { logMessage: "one" };
          await new Promise<void>((resolve) => context.signal.addEventListener("abort", () => resolve()));
        } finally {
          ended.resolve();
        }
      },
    });
    await using server = await adapter.start({ services: [jobs] });
    for await (const update of server.clients.jobs.streamJobUpdates({})) {
      expect(update.logMessage).toBe("one");
      break;
    }
    await ended.promise;
  });

  test("[PS6] a slow reader holds the writer back", async () => {
    let written = 0;
    const chunk = new Uint8Array(1 << 20);
    const execution = implement(JobExecutionService, {
      async *downloadWeights() {
        for (; written < 64; written += 1) yield { data: chunk };
      },
    });
    await using server = await adapter.start({ services: [execution] });
    for await (const part of server.clients.execution.downloadWeights({})) {
      expect(part.data).toHaveLength(1 << 20);
      for (let turn = 0; turn < 200; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      break;
    }
    expect(written).toBeLessThan(60);
  });
}

function requestStreamContract(adapter: AdapterUnderTest): void {
  test("a client stream is read to its end and answered once", async () => {
    const models = implement(ModelService, {
      uploadModel: async (chunks) => {
        let bytes = 0;
        for await (const chunk of chunks) bytes += chunk.data.length;
        return { status: StatusCode.STATUS_SUCCESS, error: { message: String(bytes) } };
      },
    });
    await using server = await adapter.start({ services: [models] });
    const chunks = Array.from({ length: 20 }, () => ({ data: new Uint8Array(300_000) }));
    expect((await server.clients.models.uploadModel(listOf(chunks))).error?.message).toBe("6000000");
  });

  test("a bidirectional stream answers each message as it comes", async () => {
    const nodes = implement(NodeService, {
      async *streamTasks(messages) {
        yield { message: { case: "welcome", value: { leaseSeconds: 30 } } };
        for await (const message of messages) {
          yield { message: { case: "answer", value: { sequence: message.sequence, accepted: true } } };
        }
        yield { message: { case: "drain", value: { reason: "done" } } };
      },
    });
    await using server = await adapter.start({ services: [nodes] });
    const answered = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    async function* requests(): AsyncGenerator<{ sequence: bigint }> {
      for (const [index, gate] of answered.entries()) {
        yield { sequence: BigInt(index) };
        await gate.promise;
      }
    }
    const kinds: string[] = [];
    for await (const { message } of server.clients.nodes.streamTasks(requests())) {
      kinds.push(message.case ?? "none");
      if (message.case === "answer") answered[Number(message.value.sequence)]?.resolve();
    }
    expect(kinds).toEqual(["welcome", "answer", "answer", "drain"]);
  });

  test("[PS7] an upload that is cut is never taken for a whole one", async () => {
    const seen = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<unknown>();
    const models = implement(ModelService, {
      uploadModel: async (chunks) => {
        try {
          for await (const _ of chunks) seen.resolve();
          ended.resolve("whole");
        } catch (error) {
          ended.resolve(error);
        }
        return { status: StatusCode.STATUS_SUCCESS };
      },
    });
    await using server = await adapter.start({ services: [models] });
    const caller = new AbortController();
    async function* chunks(): AsyncGenerator<{ data: Uint8Array }> {
      yield { data: new Uint8Array(1_000) };
      await seen.promise;
      caller.abort();
      await new Promise(() => undefined);
    }
    const error = await failureOf(server.clients.models.uploadModel(chunks(), { signal: caller.signal }));
    expect(error.rpc).toBe("cancelled");
    expect(await ended.promise).toMatchObject({ code: "protocol/call-cancelled" });
  });

  test("[PS7] a bidirectional stream that its caller cancels fails the handler's read", async () => {
    const failed = Promise.withResolvers<unknown>();
    const nodes = implement(NodeService, {
      async *streamTasks(messages) {
        yield { message: { case: "welcome", value: {} } };
        try {
          for await (const _ of messages) yield { message: { case: "drain", value: {} } };
        } catch (error) {
          failed.resolve(error);
          throw error;
        }
      },
    });
    await using server = await adapter.start({ services: [nodes] });
    const open = Promise.withResolvers<void>();
    async function* requests(): AsyncGenerator<{ sequence: bigint }> {
      await open.promise;
      yield { sequence: 1n };
    }
    for await (const { message } of server.clients.nodes.streamTasks(requests())) {
      expect(message.case).toBe("welcome");
      break;
    }
    expect(await failed.promise).toMatchObject({ code: "protocol/call-cancelled" });
    open.resolve();
  });
}
