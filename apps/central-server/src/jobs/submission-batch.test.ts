import { randomUUID } from "node:crypto";
import { amount, type JobId, type QuoteId, type UserId } from "@cyxwiz/primitives";
import { escrowAccount, userAccount } from "@cyxwiz/market";
import fc from "fast-check";
import { sql } from "kysely";
import { describe, expect, it } from "vitest";
import { TestMarket, type TestUser } from "../assignments/market.fixture.ts";
import { MAX_SUBMISSIONS_WAITING, SUBMISSIONS_PER_BATCH } from "./limits.ts";
import { SubmissionBatch, type Submission } from "./submission-batch.ts";

/** A quote for a user, at a price that the test chooses. */
async function insertQuote(market: TestMarket, user: { readonly id: UserId }, units: bigint): Promise<QuoteId> {
  const id = randomUUID() as QuoteId;
  const now = market.clock.now();
  const empty = { dataset: "{}", requirements: "{}", cost: "{}", offer: "{}", graph: "", graph_hash: "" };
  await market.context.db
    .insertInto("quotes")
    .values({
      ...empty,
      id,
      user_id: user.id,
      amount: units,
      name: "small",
      settings: JSON.stringify({ epochs: 2 }),
      seed: "0",
      signature: "",
      total_steps: 10n,
      created_at: new Date(now),
      expires_at: new Date(now + 600_000),
    })
    .execute();
  return id;
}

const quotesOf = async (market: TestMarket, user: TestUser, prices: readonly bigint[]): Promise<QuoteId[]> =>
  Promise.all(prices.map((units) => insertQuote(market, user, units)));

const submitted = (user: TestUser, quoteId: QuoteId, jobId?: JobId): Submission => ({
  userId: user.id,
  quoteId,
  jobId,
});

/** Sends them in one turn, so that they are one batch; what each was answered, or the code of its refusal. */
async function submitAll(market: TestMarket, submissions: readonly Submission[]): Promise<string[]> {
  const { jobs } = market.market.work;
  const answers = await Promise.allSettled(submissions.map((one) => jobs.submit(one)));
  return answers.map((answer) =>
    answer.status === "fulfilled" ? answer.value : ((answer.reason as { code?: string }).code ?? String(answer.reason)),
  );
}

/** How many transactions wrote the jobs. */
async function transactionsOfJobs({ context }: TestMarket): Promise<number> {
  const { rows } = await sql<{ written: bigint }>`select count(distinct xmin::text) as written from jobs`.execute(
    context.db,
  );
  return Number(rows[0]?.written);
}

describe("submissions in one batch", () => {
  it("are one transaction, each with its job, escrow, money and history as if it came alone", async () => {
    await using market = await TestMarket.create();
    const { db, rail } = market.context;
    const [user, other] = [await market.user(1n), await market.user(1n)];
    const quotes = [...(await quotesOf(market, user, [5n, 0n, 7n])), ...(await quotesOf(market, other, [9n]))];
    const answers = await submitAll(
      market,
      quotes.map((quoteId, index) => submitted(index < 3 ? user : other, quoteId)),
    );
    expect(await transactionsOfJobs(market)).toBe(1);
    const jobs = await db.selectFrom("jobs").selectAll().orderBy("quote_id").execute();
    const made = quotes.map((quote_id, index) => ({
      quote_id,
      id: answers[index],
      user_id: index < 3 ? user.id : other.id,
      name: "small",
      state: "ESCROWED",
      total_steps: 10n,
      total_epochs: 2,
    }));
    expect(jobs).toMatchObject(made.toSorted((a, b) => (a.quote_id < b.quote_id ? -1 : 1)));
    expect([await market.balance(user), await market.balance(other)]).toEqual([
      1_000_000_000n - 12n,
      1_000_000_000n - 9n,
    ]);
    const prices = await Promise.all(quotes.map((quoteId) => rail.balance(escrowAccount(quoteId))));
    expect(prices).toEqual([5n, 0n, 7n, 9n]);
    const escrows = await db.selectFrom("escrows").select(["state", "amount"]).orderBy("amount").execute();
    expect(escrows).toEqual([0n, 5n, 7n, 9n].map((units) => ({ state: "LOCKED", amount: units })));
    for (const jobId of answers) {
      const events = await db
        .selectFrom("job_events")
        .select("kind")
        .where("job_id", "=", jobId)
        .orderBy("id")
        .execute();
      expect(events.map((event) => event.kind)).toEqual(["submitted", "escrow-locked"]);
    }
  });

  it("leave the same trace as each in a transaction of its own", async () => {
    await using market = await TestMarket.create();
    const { db } = market.context;
    const trace = async (quoteId: QuoteId): Promise<unknown> => {
      const job = await db.selectFrom("jobs").selectAll().where("quote_id", "=", quoteId).executeTakeFirstOrThrow();
      const events = db.selectFrom("job_events").select(["at", "kind", "message"]).where("job_id", "=", job.id);
      const entry = db.selectFrom("ledger_transactions").select(["key", "kind", "command", "at"]);
      const rows = [
        { ...job, id: "" },
        await events.orderBy("id").execute(),
        await entry.where("escrow_id", "=", quoteId).execute(),
        await db.selectFrom("escrows").selectAll().where("quote_id", "=", quoteId).execute(),
      ];
      return JSON.parse(JSON.stringify(rows, shown).replaceAll(quoteId, "(quote)")) as unknown;
    };
    const user = await market.user(1n);
    const [batched = never(), alone = never(), damaged = never()] = await quotesOf(market, user, [5n, 5n, 5n]);
    await submitAll(market, [submitted(user, batched)]);
    // Beside a quote that fails the batch.
    await db.updateTable("quotes").set({ settings: "{}" }).where("id", "=", damaged).execute();
    await submitAll(market, [submitted(user, alone), submitted(user, damaged)]);
    expect(await trace(alone)).toEqual(await trace(batched));
  });

  it("each get their own error, and the others succeed", async () => {
    await using market = await TestMarket.create();
    const [user, other, poor] = [await market.user(1n), await market.user(1n), await market.user(0n)];
    const [good = never(), expired = never(), taken = never(), last = never()] = await quotesOf(market, user, [
      1n,
      1n,
      1n,
      1n,
    ]);
    const foreign = await insertQuote(market, other, 1n);
    const dear = await insertQuote(market, poor, 1n);
    const { db } = market.context;
    await db
      .updateTable("quotes")
      .set({ expires_at: new Date(market.clock.now()) })
      .where("id", "=", expired)
      .execute();
    const [first = ""] = await submitAll(market, [submitted(user, taken)]);
    const unknown = randomUUID() as QuoteId;
    const answers = await submitAll(market, [
      submitted(user, good),
      submitted(user, expired),
      submitted(user, foreign),
      submitted(poor, dear),
      submitted(user, unknown),
      submitted(user, taken),
      submitted(other, foreign, first as JobId),
      submitted(user, last),
    ]);
    expect(answers).toEqual([
      expect.stringMatching(/^[\da-f-]{36}$/),
      "central/quote-expired",
      "central/quote-not-found",
      "market/insufficient-funds",
      "central/quote-not-found",
      first,
      "central/job-id-taken",
      expect.stringMatching(/^[\da-f-]{36}$/),
    ]);
    expect(await market.balance(user)).toBe(1_000_000_000n - 3n);
    expect(await market.balance(other)).toBe(1_000_000_000n);
  });

  it("of one quote make one job, and of one job id for two quotes only the first", async () => {
    await using market = await TestMarket.create();
    const user = await market.user(1n);
    const [quoteId = never(), second = never()] = await quotesOf(market, user, [5n, 7n]);
    const jobId = randomUUID() as JobId;
    const answers = await submitAll(market, [
      submitted(user, quoteId, jobId),
      submitted(user, quoteId),
      submitted(user, second, jobId),
      submitted(user, quoteId, jobId),
    ]);
    expect(answers).toEqual([jobId, jobId, "central/job-id-taken", jobId]);
    expect(await market.balance(user)).toBe(1_000_000_000n - 5n);
  });

  it("are paid in the order they came: who is beyond the wallet's funds is refused, smaller ones after it are not", async () => {
    await using market = await TestMarket.create();
    const user = await market.user(1n);
    const quotes = await quotesOf(market, user, [600_000_000n, 500_000_000n, 400_000_000n]);
    const answers = await submitAll(
      market,
      quotes.map((quoteId) => submitted(user, quoteId)),
    );
    expect(answers.map((answer) => answer === "market/insufficient-funds")).toEqual([false, true, false]);
    expect(await market.balance(user)).toBe(0n);
    expect(await transactionsOfJobs(market)).toBe(1);
  });

  it("whose transaction fails are each done alone: the one at fault is refused, no other is", async () => {
    await using market = await TestMarket.create();
    const user = await market.user(1n);
    const [damaged = never(), ...good] = await quotesOf(market, user, [1n, 1n, 1n, 1n]);
    await market.context.db.updateTable("quotes").set({ settings: "{}" }).where("id", "=", damaged).execute();
    const answers = await submitAll(
      market,
      [damaged, ...good].map((quoteId) => submitted(user, quoteId)),
    );
    expect(answers[0]).toBe("23502");
    expect(new Set(answers).size).toBe(4);
    expect(await transactionsOfJobs(market)).toBe(3);
    expect(await market.balance(user)).toBe(1_000_000_000n - 3n);
    expect(market.logger.lines).toMatchObject([{ level: "warn", fields: { submissions: 4 } }]);
  });

  it("of quotes that have an escrow without a job find it, as they would alone, and lock nothing twice", async () => {
    await using market = await TestMarket.create();
    const user = await market.user(1n);
    const quotes = await quotesOf(market, user, [0n, 5n, 7n]);
    const { db, escrows } = market.context;
    for (const [index, units] of [0n, 5n].entries()) {
      const quote = { quoteId: quotes[index] ?? never(), payer: user.id, amount: amount(units) };
      await db.transaction().execute((transaction) => escrows.lock(transaction, quote));
    }
    const answers = await submitAll(
      market,
      quotes.map((quoteId) => submitted(user, quoteId)),
    );
    expect(answers).toEqual(quotes.map(() => expect.stringMatching(/^[\da-f-]{36}$/)));
    expect(await market.balance(user)).toBe(1_000_000_000n - 12n);
  });

  it("do not wait for a quote that another transaction is about to use", async () => {
    await using market = await TestMarket.create();
    const user = await market.user(1n);
    const [held = never(), free = never()] = await quotesOf(market, user, [1n, 1n]);
    const { db } = market.context;
    const { promise: release, resolve } = Promise.withResolvers<void>();
    const { promise: holding, resolve: isHeld } = Promise.withResolvers<void>();
    const holder = db.transaction().execute(async (transaction) => {
      await transaction.selectFrom("quotes").select("id").where("id", "=", held).forUpdate().execute();
      isHeld();
      await release;
    });
    await holding;
    const waiting = submitAll(market, [submitted(user, held)]);
    const [done] = await submitAll(market, [submitted(user, free)]);
    expect(await db.selectFrom("jobs").select("id").execute()).toEqual([{ id: done }]);
    resolve();
    await holder;
    expect(await waiting).toEqual([expect.stringMatching(/^[\da-f-]{36}$/)]);
  });

  it("are so many at most, and the rest are the next batch", async () => {
    await using market = await TestMarket.create();
    const user = await market.user(1n);
    const quotes = await quotesOf(
      market,
      user,
      Array.from({ length: SUBMISSIONS_PER_BATCH + 1 }, () => 1n),
    );
    const answers = await submitAll(
      market,
      quotes.map((quoteId) => submitted(user, quoteId)),
    );
    expect(new Set(answers).size).toBe(SUBMISSIONS_PER_BATCH + 1);
    expect(await transactionsOfJobs(market)).toBe(2);
  });

  it("are refused over the queue's bound, with nothing done, and taken again later", async () => {
    await using market = await TestMarket.create();
    const user = await market.user(1n);
    const batch = new SubmissionBatch(market.context);
    const unknown = (): Submission => submitted(user, randomUUID() as QuoteId);
    const taken = Array.from({ length: MAX_SUBMISSIONS_WAITING }, () => batch.submit(unknown()));
    await expect(batch.submit(unknown())).rejects.toMatchObject({
      code: "central/submission-capacity-exceeded",
      rpc: "resource-exhausted",
      retry: "backoff",
    });
    expect(new Set(await Promise.all(taken))).toEqual(new Set([undefined]));
    const [quoteId = never()] = await quotesOf(market, user, [1n]);
    expect(await batch.submit(submitted(user, quoteId))).toEqual(expect.any(String));
  });
});

describe("many submissions at once", () => {
  it("keep every wallet exact and above zero, and make each job once, whatever else moves the same money", async () => {
    await using market = await TestMarket.create();
    const { context } = market;
    const price = fc.bigInt({ min: 0n, max: 400_000_000n });
    const wish = fc.record({
      wallet: fc.nat(2),
      price,
      times: fc.integer({ min: 1, max: 3 }),
      isRailLock: fc.boolean(),
    });
    const wishes = fc.array(wish, { minLength: 20, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(wishes, async (drawn) => {
        const users = [await market.user(1n), await market.user(1n), await market.user(1n)];
        const spent = new Map<TestUser, bigint>();
        const refused: { readonly user: TestUser; readonly price: bigint }[] = [];
        await Promise.all(
          drawn.map(async ({ wallet, price: units, times, isRailLock }) => {
            const user = users[wallet] ?? never();
            const quoteId = await insertQuote(market, user, units);
            const pay = (): void => void spent.set(user, (spent.get(user) ?? 0n) + units);
            if (isRailLock && units > 0n) {
              const command = { escrowId: quoteId, payer: user.id, amount: amount(units), idempotencyKey: quoteId };
              return context.rail.lock(command).then(pay, () => void refused.push({ user, price: units }));
            }
            const answers = await submitAll(
              market,
              Array.from({ length: times }, () => submitted(user, quoteId)),
            );
            expect(new Set(answers).size).toBe(1);
            if (answers[0] === "market/insufficient-funds") return void refused.push({ user, price: units });
            pay();
            const jobs = await context.db
              .selectFrom("jobs")
              .select(["id", "state"])
              .where("quote_id", "=", quoteId)
              .execute();
            expect(jobs).toEqual([{ id: answers[0], state: "ESCROWED" }]);
            expect(await context.rail.balance(escrowAccount(quoteId))).toBe(units);
          }),
        );
        for (const user of users) {
          const left = await context.rail.balance(userAccount(user.id));
          expect(left).toBe(1_000_000_000n - (spent.get(user) ?? 0n));
          expect(left).toBeGreaterThanOrEqual(0n);
          // Money only went out, so who was refused cannot be paid from what is left now either.
          expect(refused.filter((one) => one.user === user && one.price <= left)).toEqual([]);
        }
      }),
      { numRuns: 12 },
    );
    const { rows } = await sql<{ unbalanced: bigint }>`
      select count(*) as unbalanced from (
        select transaction_id from postings group by transaction_id having sum(amount) <> 0) as wrong
    `.execute(context.db);
    expect(rows[0]?.unbalanced).toBe(0n);
  }, 60_000);
});

const shown = (_key: string, value: unknown): unknown => (typeof value === "bigint" ? value.toString() : value);

function never(): never {
  throw new TypeError("the test made too few quotes");
}
