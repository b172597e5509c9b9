import { expect, test } from "vitest";
import { amount, defined, parseUserId } from "@cyxwiz/primitives";
import { FAUCET_ACCOUNT } from "../ledger/account.ts";
import { MemoryRail } from "./memory-rail.ts";
import { paymentRailContract } from "./payment-rail.contract.ts";

let keys = 0;

paymentRailContract("memory", async () => {
  const rail = new MemoryRail(() => 1_700_000_000_000);
  return {
    rail,
    fund: async (to, units) => {
      await rail.faucet({ to, amount: units, idempotencyKey: `fund-${++keys}` });
    },
  };
});

test("[LED5] the faucet is below zero by exactly what it gave away", async () => {
  const rail = new MemoryRail(() => 0);
  const to = parseUserId("00000001-0000-4000-8000-000000000001");
  await rail.faucet({ to, amount: amount(5n), idempotencyKey: "a" });
  await rail.faucet({ to, amount: amount(6n), idempotencyKey: "b" });
  expect(await rail.balance(FAUCET_ACCOUNT)).toBe(-11n);
});

test("[LED6] entries are only ever appended: an older page stays as it was", async () => {
  let now = 0;
  const rail = new MemoryRail(() => ++now);
  const to = parseUserId("00000001-0000-4000-8000-000000000001");
  await rail.faucet({ to, amount: amount(5n), idempotencyKey: "a" });
  const before = await rail.history(FAUCET_ACCOUNT, { limit: 1 });
  await rail.faucet({ to, amount: amount(6n), idempotencyKey: "b" });
  const after = await rail.history(FAUCET_ACCOUNT, { limit: 1 });
  const older = await rail.history(FAUCET_ACCOUNT, { limit: 1, before: defined(after.next, "cursor") });
  expect(older.entries).toEqual(before.entries);
});
