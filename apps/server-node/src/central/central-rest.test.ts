import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { VirtualClock } from "@cyxwiz/platform";
import { expect, test } from "vitest";
import { cidOf } from "../../test/sample-assignment.ts";
import { until } from "../../test/temp-folder.ts";
import { NODE_ERRORS } from "../errors.ts";
import { REST_MS, TRANSFER_STALL_MS } from "../limits.ts";
import { CentralRest } from "./central-rest.ts";
import { isCredentialRefused } from "./credential-refused.ts";

const { signal } = new AbortController();

async function serve(listener: RequestListener): Promise<AsyncDisposable & { rest: CentralRest; clock: VirtualClock }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const clock = new VirtualClock();
  const rest = new CentralRest({ apiUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, clock });
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { rest, clock, [Symbol.asyncDispose]: close };
}

test("a refusal carries the server's reason and is not tried again", async () => {
  await using at = await serve((_, response) => {
    response
      .writeHead(401)
      .end(JSON.stringify({ error: "expired", code: "UNAUTHORIZED", details: { reason: "central/expired" } }));
  });
  const error: unknown = await at.rest.ownerOf("t", signal).catch((caught: unknown) => caught);
  expect(error).toMatchObject({
    code: NODE_ERRORS.CENTRAL_REFUSED.code,
    retry: "never",
    context: { status: 401, reason: "central/expired" },
  });
  expect(isCredentialRefused(error)).toBe(true);
});

test("an overloaded server and one that is away are worth another try", async () => {
  const gone = await serve((_, response) => response.writeHead(503).end());
  await expect(gone.rest.ownerOf("t", signal)).rejects.toMatchObject({
    code: NODE_ERRORS.CENTRAL_UNAVAILABLE.code,
    retry: "backoff",
  });
  await gone[Symbol.asyncDispose]();
  await expect(gone.rest.ownerOf("t", signal)).rejects.toMatchObject({
    code: NODE_ERRORS.CENTRAL_UNREACHABLE.code,
    retry: "backoff",
  });
});

test("an answer of another form is named as such", async () => {
  await using at = await serve((_, response) => response.end('{"id": 5}'));
  await expect(at.rest.ownerOf("t", signal)).rejects.toMatchObject({ code: NODE_ERRORS.CENTRAL_ANSWER_MALFORMED.code });
});

test("a server that never answers is given up after the time of a call", async () => {
  let isAsked = false;
  await using at = await serve(() => (isAsked = true));
  const outcome = expect(at.rest.ownerOf("t", signal)).rejects.toMatchObject({
    code: NODE_ERRORS.CENTRAL_UNREACHABLE.code,
  });
  await until(() => isAsked);
  await at.clock.advance(REST_MS);
  await outcome;
});

test("a download that stalls is broken off; one that moves is not", async () => {
  await using at = await serve((_, response) => response.write("first"));
  const pieces = at.rest.download(await cidOf("x"), "k", signal);
  expect(Buffer.from((await pieces.next()).value ?? "").toString()).toBe("first");
  const outcome = expect(pieces.next()).rejects.toMatchObject({ code: NODE_ERRORS.CENTRAL_UNREACHABLE.code });
  await at.clock.advance(2 * TRANSFER_STALL_MS);
  await outcome;
});

test("a caller that stops gets its own reason, not an outage", async () => {
  let isAsked = false;
  await using at = await serve(() => (isAsked = true));
  const stop = new AbortController();
  const outcome = expect(at.rest.ownerOf("t", stop.signal)).rejects.toMatchObject({ name: "AbortError" });
  await until(() => isAsked);
  stop.abort();
  await outcome;
});
