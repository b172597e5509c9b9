import { once } from "node:events";
import http2 from "node:http2";
import { implement } from "./service-handlers.ts";
import { VirtualClock } from "@cyxwiz/platform";
import { describe, expect, test } from "vitest";
import { createRpcClients } from "../client/create-rpc-clients.ts";
import { JobService } from "../gen/cyxwiz/protocol/job_pb.ts";
import { createGrpcServer } from "./grpc-server.ts";
import { rpcAdapterContract } from "./rpc-adapter.contract.ts";

rpcAdapterContract({
  name: "grpc-js, with the gRPC client",
  hasRequestStreams: true,
  start: async (options) => {
    const server = await createGrpcServer({ ...options, address: "127.0.0.1:0" });
    const grpcAddress = `127.0.0.1:${server.port}`;
    const clients = createRpcClients({ grpcAddress, token: () => "t0ken" });
    return {
      clients,
      sendRaw: (method, bytes) => sendRaw(grpcAddress, method, bytes),
      [Symbol.asyncDispose]: async () => {
        clients.close();
        await server.close(0);
      },
    };
  },
});

/** One length-prefixed gRPC message over a plain HTTP/2 connection; answers grpc-status. */
async function sendRaw(address: string, method: string, bytes: Uint8Array): Promise<number> {
  const session = http2.connect(`http://${address}`);
  try {
    const stream = session.request({
      ":method": "POST",
      ":path": `/${method}`,
      "content-type": "application/grpc",
      te: "trailers",
    });
    const head = Buffer.alloc(5);
    head.writeUInt32BE(bytes.length, 1);
    stream.end(Buffer.concat([head, bytes]));
    let status: unknown;
    stream.on("response", (headers) => (status ??= headers["grpc-status"]));
    stream.on("trailers", (headers) => (status ??= headers["grpc-status"]));
    stream.resume();
    await once(stream, "close");
    return Number(status);
  } finally {
    session.close();
  }
}

describe("gRPC server", () => {
  test("an address in use is protocol/listen-failed and names the address", async () => {
    await using server = await createGrpcServer({ services: [], address: "127.0.0.1:0" });
    const address = `127.0.0.1:${server.port}`;
    await expect(createGrpcServer({ services: [], address })).rejects.toMatchObject({
      code: "protocol/listen-failed",
      context: { address },
    });
  });

  test("[PS9] closing waits for a call in progress to end", async () => {
    const gate = Promise.withResolvers<void>();
    const entered = Promise.withResolvers<void>();
    const jobs = implement(JobService, {
      cancelJob: async () => {
        entered.resolve();
        await gate.promise;
        return { refundIssued: true };
      },
    });
    const server = await createGrpcServer({ services: [jobs], address: "127.0.0.1:0", clock: new VirtualClock() });
    using clients = createRpcClients({ grpcAddress: `127.0.0.1:${server.port}` });
    const call = clients.jobs.cancelJob({});
    await entered.promise;
    const closed = server.close();
    gate.resolve();
    expect((await call).refundIssued).toBe(true);
    await closed;
    expect(server.calls()).toBe(0);
  });

  test("[PS9] a call that outlives the grace is cut", async () => {
    const entered = Promise.withResolvers<void>();
    const jobs = implement(JobService, {
      cancelJob: (_request, context) => {
        entered.resolve();
        return new Promise((_resolve, reject) =>
          context.signal.addEventListener("abort", () => reject(new Error("cut"))),
        );
      },
    });
    const server = await createGrpcServer({ services: [jobs], address: "127.0.0.1:0" });
    using clients = createRpcClients({ grpcAddress: `127.0.0.1:${server.port}` });
    const call = clients.jobs.cancelJob({}).catch((error: unknown) => error);
    await entered.promise;
    await server.close(0);
    expect(await call).toMatchObject({ name: "AppError" });
  });

  test("[PL3] a client finds the server again after it was gone", async () => {
    const jobs = implement(JobService, { cancelJob: () => ({ refundIssued: true }) });
    const first = await createGrpcServer({ services: [jobs], address: "127.0.0.1:0" });
    const address = `127.0.0.1:${first.port}`;
    using clients = createRpcClients({ grpcAddress: address });
    await clients.jobs.cancelJob({});
    await first.close(0);
    await expect(clients.jobs.cancelJob({})).rejects.toMatchObject({
      code: "protocol/call-failed",
      rpc: "unavailable",
    });
    await using _second = await createGrpcServer({ services: [jobs], address });
    expect((await clients.jobs.cancelJob({})).refundIssued).toBe(true);
  });
});
