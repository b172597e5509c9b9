import { connect } from "node:net";
import { request } from "node:http";
import { expect, test } from "vitest";
import { listen } from "./listen.ts";
import { createTestRestApp } from "./rest-app.fixture.ts";

test("a malformed body names each field, what came and what is allowed, and repeats no password", async () => {
  await using server = await createTestRestApp();
  const answer = await server.send("POST", "/api/auth/register", { body: { email: "nonsense", password: "tiny" } });
  expect(answer).toMatchObject({
    status: 400,
    body: { code: "INVALID_REQUEST", details: { reason: "central/request-malformed" } },
  });
  expect(answer.body["error"]).toContain('body.email is "nonsense": Invalid email address');
  expect(answer.body["error"]).toContain("a password has at least 10 characters");
  expect(answer.body["error"]).not.toContain("tiny");
  const missing = await server.send("POST", "/api/auth/login", { body: { password: "x" } });
  expect(missing.body["error"]).toContain("send email or username");
});

test.each([
  ["{", "application/json"],
  ["", "application/json"],
  ['{"email": "a@example.org", "__proto__": {"role": "admin"}}', "application/json"],
  ["<xml/>", "application/xml"],
])("a body that is not JSON is refused: %s", async (payload, type) => {
  await using server = await createTestRestApp();
  const answer = await server.send("POST", "/api/auth/login", { body: payload, headers: { "content-type": type } });
  expect(answer).toMatchObject({
    status: 400,
    body: { code: "INVALID_REQUEST", details: { reason: "central/request-malformed" } },
  });
  expect(server.logger.lines).toEqual([]);
});

test("SQL in any field is data", async () => {
  await using server = await createTestRestApp();
  const { token } = await server.register("a@example.org");
  const evil = "' or 1=1; drop table users; --";
  expect((await server.send("POST", "/api/auth/login", { body: { username: evil, password: evil } })).status).toBe(401);
  expect((await server.send("GET", `/api/wallet/history?cursor=${encodeURIComponent(evil)}`, { token })).status).toBe(
    400,
  );
  const name = { body: { email: "b@example.org", password: "a long password", name: evil } };
  expect(await server.send("POST", "/api/auth/register", name)).toMatchObject({
    status: 201,
    body: { user: { name: evil } },
  });
  const { n } = await server.db
    .selectFrom("users")
    .select(({ fn }) => fn.countAll<bigint>().as("n"))
    .executeTakeFirstOrThrow();
  expect(n).toBe(2n);
});

test("an unknown path is 404 and a known path with another method 405, in the common form", async () => {
  await using server = await createTestRestApp();
  expect(await server.send("GET", "/api/nothing?x=1")).toMatchObject({
    status: 404,
    body: { code: "NOT_FOUND", details: { reason: "central/route-not-found", path: "/api/nothing" } },
  });
  expect(await server.send("PUT", "/api/auth/login")).toMatchObject({
    status: 405,
    headers: { allow: "POST" },
    body: { code: "INVALID_REQUEST", details: { reason: "central/method-unsupported" } },
  });
});

test("an unexpected failure leaves as internal, without detail, logged once with the request id", async () => {
  await using server = await createTestRestApp();
  server.app.get("/test/bug", async () => {
    throw new TypeError("the password is hunter2");
  });
  const answer = await server.send("GET", "/test/bug");
  expect(answer).toMatchObject({ status: 500, body: { error: "internal error", code: "SERVER_ERROR" } });
  expect(JSON.stringify(answer.body)).not.toContain("hunter2");
  expect(server.logger.lines).toMatchObject([
    {
      level: "error",
      fields: { requestId: answer.headers["x-request-id"], error: expect.stringContaining("hunter2") },
    },
  ]);
});

test("an announced body of a gigabyte is cut off before it is sent", async () => {
  await using server = await createTestRestApp();
  const url = await listen(server.app, "127.0.0.1:0");
  const headers = { "content-type": "application/json", "content-length": String(2 ** 30) };
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number | undefined; text: string }>();
  const sent = request(`${url}/api/auth/login`, { method: "POST", headers }, (answer) => {
    let text = "";
    answer.on("data", (bytes: Buffer) => (text += bytes.toString()));
    answer.on("end", () => resolve({ status: answer.statusCode, text }));
  });
  sent.on("error", reject);
  sent.write("{");
  const { status, text } = await promise;
  sent.destroy();
  expect(status).toBe(413);
  expect(JSON.parse(text)).toMatchObject({
    code: "INVALID_REQUEST",
    details: { reason: "central/body-size-exceeded" },
  });
});

test("a body without an announced size is cut off at the limit", async () => {
  await using server = await createTestRestApp();
  const answer = await server.send("POST", "/api/auth/login", {
    body: { username: "x", password: "x".repeat(1_100_000) },
  });
  expect(answer).toMatchObject({
    status: 413,
    body: { details: { reason: "central/body-size-exceeded", allowedBytes: 1_048_576 } },
  });
});

test("headers over the limit end the connection with an answer", async () => {
  await using server = await createTestRestApp();
  const url = new URL(await listen(server.app, "127.0.0.1:0"));
  const socket = connect(Number(url.port), url.hostname);
  socket.write(`GET /api/health HTTP/1.1\r\nhost: x\r\nx-long: ${"x".repeat(20_000)}\r\n\r\n`);
  const { promise, resolve } = Promise.withResolvers<string>();
  let text = "";
  socket.on("data", (bytes: Buffer) => (text += bytes.toString()));
  socket.on("close", () => resolve(text));
  expect(await promise).toMatch(/^HTTP\/1\.1 431 /);
});

test("only listed origins may call from a browser, and every answer carries the security headers", async () => {
  await using server = await createTestRestApp();
  const from = async (origin: string): Promise<unknown> =>
    (await server.send("GET", "/api/health", { headers: { origin } })).headers["access-control-allow-origin"];
  expect([await from("https://app.example"), await from("https://evil.example")]).toEqual([
    "https://app.example",
    undefined,
  ]);
  expect((await server.send("GET", "/api/nothing")).headers).toMatchObject({
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "x-request-id": expect.stringMatching(/^[0-9a-f-]{36}$/),
  });
});

test("an address in use stops the start and names the key", async () => {
  await using server = await createTestRestApp();
  await using other = await createTestRestApp();
  const { host } = new URL(await listen(server.app, "127.0.0.1:0"));
  await expect(listen(other.app, host)).rejects.toMatchObject({
    code: "central/address-unavailable",
    context: { key: "[server] rest_address", address: host },
  });
});

test("the API describes itself in OpenAPI 3.1", async () => {
  await using server = await createTestRestApp();
  const { body } = await server.send("GET", "/api/openapi.json");
  expect(body["openapi"]).toBe("3.1.0");
  expect(Object.keys(body["paths"] as object)).toEqual(
    expect.arrayContaining(["/api/auth/login", "/api/wallet/faucet", "/api/health"]),
  );
});

test("health probes the database for real, and says degraded when it is gone", async () => {
  await using server = await createTestRestApp();
  await server.clock.advance(5_000);
  expect(await server.send("GET", "/api/health")).toMatchObject({
    status: 200,
    body: {
      status: "healthy",
      uptime_seconds: 5,
      components: { database: "ok", redis: "in-process", solana: "ledger", scheduler: "ok" },
    },
  });
  await server.db.destroy();
  expect(await server.send("GET", "/api/health")).toMatchObject({
    status: 503,
    body: { status: "degraded", components: { database: "unavailable" } },
  });
});

test("stats of an empty network are zeros", async () => {
  await using server = await createTestRestApp();
  expect(await server.send("GET", "/api/stats")).toMatchObject({
    status: 200,
    body: {
      nodes: { total: 0, online: 0, busy: 0 },
      jobs: { total: 0, completed: 0 },
      payments: { settled: "0", locked: "0" },
    },
  });
});
