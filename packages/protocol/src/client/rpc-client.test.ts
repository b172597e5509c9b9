import { createRouterTransport } from "@connectrpc/connect";
import { isAppError } from "@cyxwiz/primitives";
import { describe, expect, test } from "vitest";
import { JobService } from "../gen/cyxwiz/protocol/job_pb.ts";
import { createFetchClients } from "./fetch-clients.ts";
import { bearerToken, createRpcClient } from "./rpc-client.ts";

describe("rpc client", () => {
  test("[PL2] a unary call that has no deadline of its own gets the client's, and 0 lifts it", async () => {
    const deadlines: (number | undefined)[] = [];
    const transport = createRouterTransport(({ service }) => {
      service(JobService, {
        cancelJob: (_request, context) => {
          deadlines.push(context.timeoutMs());
          return {};
        },
      });
    });
    const jobs = createRpcClient(JobService, transport, 1_234);
    await jobs.cancelJob({});
    await jobs.cancelJob({}, { timeoutMs: 60_000 });
    await jobs.cancelJob({}, { timeoutMs: 0 });
    expect(deadlines[0]).toBeLessThanOrEqual(1_234);
    expect(deadlines[1]).toBeGreaterThan(50_000);
    expect(deadlines[2]).toBeUndefined();
  });

  test("the token is asked for at every call, and none is sent while there is none", async () => {
    const sent: (string | null)[] = [];
    const transport = createRouterTransport(
      ({ service }) => {
        service(JobService, {
          cancelJob: (_request, context) => {
            sent.push(context.requestHeader.get("authorization"));
            return {};
          },
        });
      },
      { transport: { interceptors: [bearerToken(() => tokens.shift())] } },
    );
    const tokens = [undefined, "first", "second"];
    const jobs = createRpcClient(JobService, transport);
    for (let call = 0; call < 3; call += 1) await jobs.cancelJob({});
    expect(sent).toEqual([null, "Bearer first", "Bearer second"]);
  });

  test("[PL3] a server that cannot be reached is unavailable and worth another try", async () => {
    const clients = createFetchClients({
      baseUrl: "http://nowhere.invalid",
      fetch: () => Promise.reject(new TypeError("fetch failed")),
    });
    const error = await clients.jobs.cancelJob({}).catch((failure: unknown) => failure);
    expect(isAppError(error) && [error.code, error.rpc, error.retry]).toEqual([
      "protocol/call-failed",
      "unavailable",
      "backoff",
    ]);
  });

  test("an answer that is not of the protocol is a failure of the call, not of the program", async () => {
    const clients = createFetchClients({
      baseUrl: "http://nowhere.invalid",
      fetch: () => Promise.resolve(new Response("<html>", { status: 502, headers: { "content-type": "text/html" } })),
    });
    const error = await clients.jobs.cancelJob({}).catch((failure: unknown) => failure);
    expect(isAppError(error) && [error.code, error.rpc]).toEqual(["protocol/call-failed", "unavailable"]);
  });
});
