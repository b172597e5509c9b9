import { createHash } from "node:crypto";
import type { NodeId } from "@cyxwiz/primitives";
import { VirtualClock } from "@cyxwiz/platform";
import { SignJWT, UnsecuredJWT } from "jose";
import { expect, test } from "vitest";
import { createTestRestApp, TEST_PASSWORD, TEST_SECRET, type TestRestApp } from "../rest/rest-app.fixture.ts";
import { LoginThrottle } from "./login-throttle.ts";
import { PasswordHasher } from "./password-hash.ts";

const NODE = "0e0e0e0e-0000-5000-8000-000000000001" as NodeId;
const reason = (text: string): unknown =>
  expect.objectContaining({ details: expect.objectContaining({ reason: text }) });

const login = (server: TestRestApp, body: object) => server.send("POST", "/api/auth/login", { body });

test("an account is made, logged in by e-mail or username whatever the case, and asked for by its token", async () => {
  await using server = await createTestRestApp();
  const email = "Ada.Lovelace@example.org";
  const made = await server.send("POST", "/api/auth/register", {
    body: { email, password: TEST_PASSWORD, name: "Ada" },
  });
  expect(made).toMatchObject({
    status: 201,
    body: { user: { email, username: "AdaLovelace", name: "Ada", role: "user" } },
  });
  for (const body of [{ email: email.toLowerCase() }, { username: "adalovelace" }]) {
    expect(await login(server, { ...body, password: TEST_PASSWORD })).toMatchObject({ status: 200 });
  }
  for (const url of ["/api/auth/me", "/api/users/me"]) {
    const me = await server.send("GET", url, { token: String(made.body["token"]) });
    expect(me).toMatchObject({ status: 200, body: { email, wallet_address: null } });
  }
});

test("what is stored of a password is an Argon2id hash", async () => {
  await using server = await createTestRestApp();
  await server.register("a@example.org");
  const row = await server.db.selectFrom("users").select("password_hash").executeTakeFirstOrThrow();
  expect(row.password_hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
});

test("an e-mail or username that is taken is a conflict that names the field", async () => {
  await using server = await createTestRestApp();
  const register = (body: object) =>
    server.send("POST", "/api/auth/register", { body: { password: TEST_PASSWORD, ...body } });
  await register({ email: "a@example.org", username: "ada" });
  expect(await register({ email: "A@Example.org" })).toMatchObject({
    status: 409,
    body: { code: "CONFLICT", details: { reason: "central/account-taken", field: "email" } },
  });
  expect(await register({ email: "b@example.org", username: "ADA" })).toMatchObject({
    body: { details: { field: "username" } },
  });
  expect(await register({ email: "ada@example.org" })).toMatchObject({
    status: 201,
    body: { user: { username: expect.stringMatching(/^ada-/) } },
  });
});

test("a wrong password and an unknown account get the same answer", async () => {
  await using server = await createTestRestApp();
  await server.register("a@example.org");
  const wrong = await login(server, { email: "a@example.org", password: "wrong password" });
  const unknown = await login(server, { email: "nobody@example.org", password: "wrong password" });
  expect(wrong.status).toBe(401);
  expect(unknown.body).toEqual(wrong.body);
});

test("repeated failures of one account make it wait, longer each time, and a success forgives", async () => {
  await using server = await createTestRestApp();
  await server.register("a@example.org");
  const attempt = (password: string) => login(server, { email: "a@example.org", password });
  for (let failure = 0; failure < 5; failure++) expect((await attempt("wrong password")).status).toBe(401);
  const refused = await attempt(TEST_PASSWORD);
  expect(refused).toMatchObject({
    status: 429,
    headers: { "retry-after": "1" },
    body: reason("central/login-rate-exceeded"),
  });
  await server.clock.advance(1_000);
  expect((await attempt("wrong password")).status).toBe(401);
  expect((await attempt(TEST_PASSWORD)).headers["retry-after"]).toBe("2");
  await server.clock.advance(2_000);
  expect((await attempt(TEST_PASSWORD)).status).toBe(200);
  expect((await attempt("wrong password")).status).toBe(401);
});

test("the throttle forgets the oldest account when too many fail", () => {
  const throttle = new LoginThrottle(new VirtualClock());
  for (let failure = 0; failure < 5; failure++) throttle.failed("first");
  expect(() => throttle.check("first")).toThrow("too many failed logins");
  for (let other = 0; other < 10_000; other++) throttle.failed(`other ${other}`);
  expect(() => throttle.check("first")).not.toThrow();
});

test("a flood of logins is refused before it takes the computer", async () => {
  const hasher = new PasswordHasher();
  const flood = await Promise.allSettled(Array.from({ length: 70 }, () => hasher.hash(TEST_PASSWORD)));
  const refused = flood.filter((one) => one.status === "rejected").map((one) => one.reason as unknown);
  expect(refused).toEqual(
    Array.from({ length: 4 }, () => expect.objectContaining({ code: "central/login-capacity-exceeded" })),
  );
});

test("a hash that is not ours never verifies", async () => {
  const hasher = new PasswordHasher();
  expect(await hasher.verify("x", "$2b$10$abcdefghijklmnopqrstuv")).toBe(false);
  expect(await hasher.verify("x", undefined)).toBe(false);
  expect(await hasher.verify("x", await hasher.hash("x"))).toBe(true);
});

const sign = (claims: Record<string, unknown>, secret: Uint8Array = TEST_SECRET, alg = "HS256") =>
  new SignJWT(claims).setProtectedHeader({ alg }).sign(secret);

test("a token that is missing, malformed, foreign, unsigned, expired or incomplete opens nothing", async () => {
  await using server = await createTestRestApp();
  const { id } = await server.register("a@example.org");
  const iat = Math.floor(server.clock.now() / 1_000);
  const claims = { sub: id, iat, exp: iat + 60 };
  const forged = new TextEncoder().encode("another secret of the right length");
  const cases: readonly (readonly [string | undefined, string])[] = [
    [undefined, "missing"],
    ["", "malformed"],
    ["two words", "malformed"],
    ["x".repeat(10_000), "unknown"],
    ["'; drop table machines; --", "malformed"],
    ["';drop_table_machines;--", "unknown"],
    [await sign(claims, forged), "wrong"],
    [new UnsecuredJWT(claims).encode(), "wrong"],
    [await sign(claims, new TextEncoder().encode("x".repeat(64)), "HS512"), "wrong"],
    [`${(await sign(claims)).slice(0, -4)}AAAA`, "wrong"],
    [await sign({ ...claims, exp: iat - 1 }), "expired"],
    [await sign({ sub: id, iat }), "wrong"],
    [await sign({ ...claims, iss: "somebody else" }), "not one of this server's"],
    [await sign({ ...claims, sub: "admin" }), "not one of this server's"],
    [await sign({ ...claims, role: "root" }), "not one of this server's"],
    [await sign({ ...claims, scope: "everything" }), "not one of this server's"],
  ];
  for (const [token, why] of cases) {
    const answer = await server.send("GET", "/api/users/me", token === undefined ? {} : { token });
    expect(answer, `${token}`).toMatchObject({
      status: 401,
      body: { code: "UNAUTHORIZED", error: expect.stringContaining(why) },
    });
  }
  expect(await server.send("GET", "/api/users/me", { token: await sign(claims) })).toMatchObject({ status: 200 });
});

test("a user's token lives a day and a node's five minutes", async () => {
  await using server = await createTestRestApp();
  const { id, token } = await server.register("a@example.org");
  const node = await server.tokens.issueNodeToken({ nodeId: NODE, ownerId: id });
  expect(node.expiresAt.getTime() - server.clock.now()).toBe(300_000);
  await server.clock.advance(86_399_000);
  expect((await server.send("GET", "/api/users/me", { token })).status).toBe(200);
  await server.clock.advance(1_000);
  expect((await server.send("GET", "/api/users/me", { token })).status).toBe(401);
});

test("a node's token or API key opens no route of users or money, and the key is stored hashed", async () => {
  await using server = await createTestRestApp({
    routes: (app, hooks) =>
      app.get("/test/node", { onRequest: hooks.requireNode }, async (request) => ({ node: request.principal })),
  });
  const { id } = await server.register("a@example.org");
  const apiKey = "cyxn_of-a-test";
  const row = {
    id: NODE,
    owner_id: id,
    api_key_hash: createHash("sha256").update(apiKey).digest(),
    public_key: Buffer.alloc(32),
  };
  const rest = {
    name: "n",
    hostname: "h",
    os: "linux",
    ip_address: "127.0.0.1",
    hardware: "{}",
    state: "ACTIVE",
    reputation: 7_500,
  };
  const nulls = {
    port: null,
    region: null,
    fingerprint: null,
    version: null,
    last_seen_at: null,
    registered_at: new Date(),
  };
  await server.db
    .insertInto("machines")
    .values({ ...row, ...rest, ...nulls })
    .execute();
  const { token } = await server.tokens.issueNodeToken({ nodeId: NODE, ownerId: id });
  for (const credential of [token, apiKey]) {
    for (const [method, url] of [
      ["GET", "/api/wallet"],
      ["GET", "/api/wallet/history"],
      ["POST", "/api/wallet/faucet"],
      ["GET", "/api/users/me"],
    ] as const) {
      const answer = await server.send(method, url, {
        token: credential,
        ...(method === "POST" && { body: { amount: "1" } }),
      });
      expect(answer).toMatchObject({
        status: 403,
        body: { code: "FORBIDDEN", details: { reason: "central/user-only" } },
      });
    }
    expect(await server.send("GET", "/test/node", { token: credential })).toMatchObject({
      body: { node: { kind: "node", nodeId: NODE, ownerId: id } },
    });
  }
});

test("routes of nodes and administrators are closed to users", async () => {
  await using server = await createTestRestApp({
    routes: (app, hooks) => {
      app.get("/test/node", { onRequest: hooks.requireNode }, async () => ({}));
      app.get("/test/admin", { onRequest: hooks.requireAdmin }, async () => ({ open: true }));
    },
  });
  const { id, token } = await server.register("a@example.org");
  expect(await server.send("GET", "/test/node", { token })).toMatchObject({
    status: 403,
    body: reason("central/node-only"),
  });
  expect(await server.send("GET", "/test/admin", { token })).toMatchObject({
    status: 403,
    body: reason("central/admin-only"),
  });
  const admin = await server.tokens.issueUserToken({ userId: id, email: "a@example.org", role: "admin" });
  expect(await server.send("GET", "/test/admin", { token: admin.token })).toMatchObject({ body: { open: true } });
});
