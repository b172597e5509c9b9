import { compactVerify } from "jose";
import { createPublicKey } from "node:crypto";
import { describe, expect, it } from "vitest";
import { sequential, writeCyxwiz } from "@cyxwiz/graph";
import type { QuoteRequest } from "@cyxwiz/protocol/rest";
import { TestMarket, type RestAnswer, type TestUser } from "../assignments/market.fixture.ts";

async function quote(market: TestMarket, user: TestUser, change: Partial<QuoteRequest> = {}): Promise<RestAnswer> {
  const body = { ...(await market.quoteRequest(user)), ...change };
  return market.send("POST", "/api/quotes", { token: user.token, body });
}

describe("quotes", () => {
  it("names amount, steps, the best unit and a signature that the server's key made over them", async () => {
    await using market = await TestMarket.create();
    const [user, owner] = [await market.user(), await market.user(0n)];
    await market.connect(await market.register(owner, { name: "alpha" }));
    const answer = await quote(market, user);
    expect(answer).toMatchObject({
      status: 200,
      body: { total_steps: 100, best: { node_name: "alpha" }, alternatives: [] },
    });
    const key = createPublicKey(market.context.key.privateKey);
    const { payload } = await compactVerify(String(answer.body["signature"]), key);
    expect(JSON.parse(new TextDecoder().decode(payload))).toMatchObject({
      quote_id: answer.body["quote_id"],
      amount: answer.body["amount"],
      total_steps: 100,
      user_id: user.id,
    });
    const read = await market.send("GET", `/api/quotes/${String(answer.body["quote_id"])}`, { token: user.token });
    expect(read.body).toEqual(answer.body);
  });

  it("keeps a seed that the user fixed, and draws another otherwise", async () => {
    await using market = await TestMarket.create();
    const [user, owner] = [await market.user(), await market.user(0n)];
    await market.connect(await market.register(owner));
    const { settings } = await market.quoteRequest(user);
    expect((await quote(market, user, { settings: { ...settings, seed: "42" } })).body["seed"]).toBe("42");
    expect((await quote(market, user)).body["seed"]).not.toBe((await quote(market, user)).body["seed"]);
  });

  it("says everything that is wrong with a graph, by layer, with what to do", async () => {
    await using market = await TestMarket.create();
    const user = await market.user();
    const graph = writeCyxwiz(
      sequential("wrong", [["Dense", { units: 5 }], ["Output", { classes: 5 }], ["MSELoss"], ["Adam"]]),
    );
    const answer = await quote(market, user, { graph });
    expect(answer).toMatchObject({
      status: 400,
      body: { code: "INVALID_REQUEST", details: { reason: "central/graph-malformed" } },
    });
    const { problems } = answer.body["details"] as {
      problems: { node: string; message: string; fix: string }[];
    };
    expect(problems.length).toBeGreaterThan(0);
    expect(problems[0]).toMatchObject({
      node: expect.any(String),
      message: expect.any(String),
      fix: expect.any(String),
    });
  });

  it("refuses a dataset that the user may not read, or whose size is another", async () => {
    await using market = await TestMarket.create();
    const [user, other] = [await market.user(), await market.user()];
    const body = await market.quoteRequest(other);
    const foreign = await market.send("POST", "/api/quotes", { token: user.token, body });
    expect(foreign).toMatchObject({ status: 404, body: { details: { reason: "central/dataset-not-found" } } });
    const resized = { ...body, dataset: { ...body.dataset, size_bytes: 5 } };
    const wrong = await market.send("POST", "/api/quotes", { token: other.token, body: resized });
    expect(wrong).toMatchObject({ status: 400, body: { details: { reason: "central/dataset-size-mismatch" } } });
  });

  it("refuses a batch larger than the dataset", async () => {
    await using market = await TestMarket.create();
    const user = await market.user();
    const { settings } = await market.quoteRequest(user);
    const answer = await quote(market, user, { settings: { ...settings, batch_size: 101 } });
    expect(answer).toMatchObject({ status: 400, body: { details: { reason: "central/batch-size-out-of-range" } } });
  });

  it("says why no unit fits and what would help", async () => {
    await using market = await TestMarket.create();
    const [user, owner] = [await market.user(), await market.user(0n)];
    await market.connect(await market.register(owner));
    const answer = await quote(market, user, { requirements: { device: "gpu", verification: "required" } });
    expect(answer).toMatchObject({
      status: 409,
      body: {
        code: "CONFLICT",
        details: { reasons: [{ filter: "device", units: 1 }], advice: expect.stringContaining("CPU") },
      },
    });
    const wished = await quote(market, user, {
      requirements: { device: "any", verification: "required", min_reputation: 90 },
    });
    expect(wished).toMatchObject({
      status: 409,
      body: { details: { reasons: [{ filter: "requirements", units: 1 }] } },
    });
  });

  it("respects max_price and names the lowest price there is", async () => {
    await using market = await TestMarket.create();
    const [user, owner] = [await market.user(), await market.user(0n)];
    await market.connect(await market.register(owner));
    const answer = await quote(market, user, {
      requirements: { device: "any", verification: "required", max_price: "0.000000001" },
    });
    expect(answer).toMatchObject({
      status: 409,
      body: { details: { reason: "central/price-over-ceiling", lowest: "0.0001" } },
    });
  });

  it("leaves out nodes that hold no task stream: no work can be handed to them", async () => {
    await using market = await TestMarket.create();
    const [user, owner] = [await market.user(), await market.user(0n)];
    await market.register(owner);
    expect(await quote(market, user)).toMatchObject({
      status: 409,
      body: { details: { reasons: [{ filter: "online" }] } },
    });
  });
});
