import { expect, test } from "vitest";
import { createTestRestApp, type SendOptions, type TestRestApp } from "../rest/rest-app.fixture.ts";

const take = (server: TestRestApp, token: string, amount: string, key: string | undefined = "k") => {
  const options: SendOptions = { token, body: { amount }, ...(key !== "" && { headers: { "idempotency-key": key } }) };
  return server.send("POST", "/api/wallet/faucet", options);
};
const reason = (text: string): unknown => ({ details: { reason: text } });

test("the faucet gives once for each key and says that the money is simulated", async () => {
  await using server = await createTestRestApp();
  const { token } = await server.register("a@example.org");
  const answer = { balance: "12.5", locked: "0", earned: "0", rail: "ledger", simulated: true };
  expect((await take(server, token, "12.5")).body).toEqual(answer);
  expect((await take(server, token, "12.5")).body).toEqual(answer);
  expect(await take(server, token, "13")).toMatchObject({ status: 409, body: reason("market/idempotency-mismatch") });
  const { token: other } = await server.register("b@example.org");
  expect((await take(server, other, "1")).body).toMatchObject({ balance: "1" });
});

test("the faucet has a cap a day and user, also when requests race", async () => {
  await using server = await createTestRestApp();
  const { token } = await server.register("a@example.org");
  const answers = await Promise.all(["a", "b", "c"].map((key) => take(server, token, "4000", key)));
  expect(answers.map((answer) => answer.status).toSorted((a, b) => a - b)).toEqual([200, 200, 429]);
  expect(await take(server, token, "2000.000000001", "d")).toMatchObject({
    status: 429,
    body: { code: "RATE_LIMITED", details: { reason: "central/faucet-limit-exceeded", left: "2000", limit: "10000" } },
  });
  await server.clock.advance(86_400_000);
  const later = await server.send("POST", "/api/auth/login", {
    body: { email: "a@example.org", password: "correct horse battery" },
  });
  expect((await take(server, String(later.body["token"]), "10000", "e")).body).toMatchObject({ balance: "18000" });
});

test("the faucet wants a key, a positive amount, and to be open", async () => {
  await using server = await createTestRestApp();
  const { token } = await server.register("a@example.org");
  expect(await take(server, token, "1", "")).toMatchObject({ status: 400, body: reason("central/header-malformed") });
  expect(await take(server, token, "1", "x".repeat(200))).toMatchObject({ status: 400 });
  expect(await take(server, token, "0")).toMatchObject({ status: 400, body: reason("market/amount-not-positive") });
  for (const amount of ["-1", "1e3", "1.0000000001", "99999999999"]) {
    expect(await take(server, token, amount)).toMatchObject({ status: 400, body: { code: "INVALID_REQUEST" } });
  }
  await using closed = await createTestRestApp({ isFaucetOpen: false });
  const user = await closed.register("a@example.org");
  expect(await take(closed, user.token, "1")).toMatchObject({ status: 403, body: reason("central/faucet-closed") });
});

test("history pages from new to old without a gap, each entry with the balance after it", async () => {
  await using server = await createTestRestApp();
  const { token } = await server.register("a@example.org");
  for (let n = 1; n <= 51; n++) await take(server, token, "1", `k${n}`);
  const first = await server.send("GET", "/api/wallet/history", { token });
  const entries = first.body["entries"] as { balance: string }[];
  expect([entries.length, entries[0]?.balance, entries.at(-1)?.balance]).toEqual([50, "51", "2"]);
  const second = await server.send("GET", `/api/wallet/history?cursor=${String(first.body["next_cursor"])}`, { token });
  expect(second.body).toMatchObject({ entries: [{ balance: "1", kind: "faucet" }], next_cursor: null });
  expect(await server.send("GET", "/api/wallet/history?cursor=x", { token })).toMatchObject({
    status: 400,
    body: reason("central/cursor-malformed"),
  });
});
