/** What must be true of every job, whoever lied about it. */
import { addAmounts, parseAmount, type Amount } from "@cyxwiz/primitives";
import type { Job } from "@cyxwiz/protocol/rest";
import { expect } from "vitest";
import type { LiarsMarket, Told } from "./liars-market.ts";

/** Base units, added up. */
export function total(texts: readonly string[]): Amount {
  return addAmounts(...texts.map(parseAmount));
}

/** The steps that were drawn first. */
export function firstDrawn({ events }: Job): { readonly from: number; readonly to: number } {
  const told = events.flatMap(({ kind, message }) => (kind === "end-committed" ? [message] : []))[0] ?? "";
  const [, from, to] = /steps (\d+) to (\d+) are run again/.exec(told) ?? [];
  return { from: Number(from), to: Number(to) };
}

export function isRefused({ events }: Job): boolean {
  return events.some(({ kind }) => kind === "result-refused");
}

/** What the user locked went to somebody or came back, and shares are those of the nodes that did the work. */
export function expectSumsUp({ payment }: Job): void {
  expect(total([payment.owner, payment.platform, payment.refunded])).toBe(parseAmount(payment.quoted));
  expect(total(payment.shares.map(({ amount }) => amount))).toBe(parseAmount(payment.owner));
}

export function paidTo({ payment }: Job, nodeId: string): Amount {
  return total(payment.shares.filter((share) => share.node_id === nodeId).map(({ amount }) => amount));
}

/** What happened, line by line. */
export function storyOf({ events }: Job): string {
  return events.map(({ message }) => message).join("\n");
}

/** The user has a checked model and paid no more than was quoted; the liar has nothing. */
function expectDoneAgain(market: LiarsMarket, { job, deception }: Told): void {
  const liar = market.node(deception.trainer);
  expect(job).toMatchObject({ state: "COMPLETED", verification: { verdict: "verified" } });
  expect(job.node?.node_id).not.toBe(liar.id);
  expect(paidTo(job, liar.id)).toBe(0n);
  expect(paidTo(job, job.node?.node_id ?? "")).toBe(parseAmount(job.payment.owner));
  expect(parseAmount(job.payment.owner)).toBeGreaterThan(0n);
  expectSumsUp(job);
}

/** Two owners contradicted it, bit for bit; it is on the liar's record. */
export async function expectRefused(market: LiarsMarket, told: Told): Promise<void> {
  expect(isRefused(told.job), storyOf(told.job)).toBe(true);
  expectDoneAgain(market, told);
  const { causes } = await market.user.reputation(market.node(told.deception.trainer).id);
  expect(causes).toContain("result-refused");
}

/**
 * What was ever given out is in somebody's wallet, or is the platform's part less what it paid for checks. Payments follow
 * a job's end in a moment, so it is asked again for a bounded time.
 */
export async function expectBalanced(market: LiarsMarket): Promise<void> {
  const accounts = [market.user, ...market.nodes.flatMap(({ owner }) => owner ?? [])];
  await expect
    .poll(
      async () => {
        const wallets = await Promise.all(accounts.map((account) => account.wallet()));
        const paidOut = await Promise.all(accounts.map((account) => account.rewards()));
        const held = total(wallets.flatMap(({ balance, locked }) => [balance, locked]));
        const platform = total(market.jobs.map(({ payment }) => payment.platform));
        return held + platform - total(paidOut.flat());
      },
      { timeout: 10_000 },
    )
    .toBe(total(accounts.map(({ funded }) => funded)));
}
