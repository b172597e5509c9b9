import fc from "fast-check";
import { expect, test } from "vitest";
import { amount, parseQuoteId, ZERO } from "@cyxwiz/primitives";
import { aUser } from "../scheduler/market.fixture.ts";
import { escrowAccount, mayGoNegative, userAccount } from "./account.ts";
import {
  changes,
  checkFunds,
  checkTransaction,
  faucetTransaction,
  lockTransaction,
  settleTransaction,
} from "./transaction.ts";

const escrow = parseQuoteId("00000009-0000-4000-8000-000000000001");
const payer = aUser(1);

test("[LED1] a transaction whose postings do not sum to zero is refused", () => {
  const postings = [
    { account: userAccount(payer), amount: -5n },
    { account: escrowAccount(escrow), amount: 4n },
  ];
  expect(() => checkTransaction({ key: "k", kind: "lock", postings })).toThrow(
    expect.objectContaining({ code: "market/transaction-unbalanced", context: { key: "k", sum: "-0.000000001" } }),
  );
});

test("[LED1] a transaction without postings, or with a posting of zero, is refused", () => {
  const refused = expect.objectContaining({ code: "market/transaction-empty" });
  expect(() => checkTransaction({ key: "k", kind: "lock", postings: [] })).toThrow(refused);
  const postings = [{ account: userAccount(payer), amount: 0n }];
  expect(() => checkTransaction({ key: "k", kind: "lock", postings })).toThrow(refused);
});

test("[LED2] a lock or a gift of nothing is refused", () => {
  const refused = expect.objectContaining({ code: "market/amount-not-positive" });
  expect(() => lockTransaction("k", escrow, payer, ZERO)).toThrow(refused);
  expect(() => faucetTransaction("k", payer, ZERO)).toThrow(refused);
});

test("[LED3] nobody goes below zero but the faucet", () => {
  const lock = lockTransaction("k", escrow, payer, amount(5_000_000_000n));
  expect(() => checkFunds(lock, () => 4_000_000_000n)).toThrow(
    expect.objectContaining({
      code: "market/insufficient-funds",
      context: { account: userAccount(payer), have: "4", need: "5" },
    }),
  );
  expect(() => checkFunds(lock, () => 5_000_000_000n)).not.toThrow();
  expect(() => checkFunds(faucetTransaction("k", payer, amount(5n)), () => 0n)).not.toThrow();
  expect([userAccount(payer), escrowAccount(escrow), "platform" as const].some(mayGoNegative)).toBe(false);
});

test("[LED4] a settlement empties the escrow into one posting for each account that receives something", () => {
  const transaction = settleTransaction("k", escrow, amount(100n), {
    owners: [
      { owner: aUser(2), amount: amount(50n) },
      { owner: payer, amount: amount(20n) },
      { owner: aUser(3), amount: ZERO },
    ],
    platform: ZERO,
    refund: { to: payer, amount: amount(30n) },
  });
  expect(transaction.postings).toEqual([
    { account: escrowAccount(escrow), amount: -100n },
    { account: userAccount(aUser(2)), amount: 50n },
    { account: userAccount(payer), amount: 50n },
  ]);
});

test("[LED4] a settlement that pays out more or less than is locked is refused", () => {
  const division = { owners: [], platform: amount(1n), refund: { to: payer, amount: amount(98n) } };
  expect(() => settleTransaction("k", escrow, amount(100n), division)).toThrow(
    expect.objectContaining({ code: "market/settlement-mismatch" }),
  );
});

test("[LED5] whatever is built sums to zero over all accounts", () => {
  const part = fc.bigInt({ min: 0n, max: 10n ** 15n }).map(amount);
  fc.assert(
    fc.property(fc.array(part, { maxLength: 5 }), part, part, (shares, platform, refund) => {
      const owners = shares.map((value, index) => ({ owner: aUser(index), amount: value }));
      const locked = amount(shares.reduce<bigint>((sum, value) => sum + value, 0n) + platform + refund);
      fc.pre(locked > 0n);
      const settle = settleTransaction("s", escrow, locked, {
        owners,
        platform,
        refund: { to: payer, amount: refund },
      });
      const sums = [settle, lockTransaction("l", escrow, payer, locked), faucetTransaction("f", payer, locked)].map(
        (transaction) => [...changes(transaction).values()].reduce((sum, value) => sum + value, 0n),
      );
      expect(sums).toEqual([0n, 0n, 0n]);
    }),
  );
});
