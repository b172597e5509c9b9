import { generateKeyPairSync, sign } from "node:crypto";
import { expect, test } from "vitest";
import { MarketSignature } from "./market-signature.ts";

const { signal } = new AbortController();

function market(): { readonly pem: string; readonly signed: (text: string) => string } {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  return {
    pem: publicKey.export({ type: "spki", format: "pem" }).toString(),
    signed: (text) => sign(null, Buffer.from(text), privateKey).toString("base64url"),
  };
}

test("only what the market signed is its own, and the key is asked for once", async () => {
  const [own, other] = [market(), market()];
  let asked = 0;
  const signature = new MarketSignature({ receiptKeys: async () => (asked++, [own.pem]) });
  expect(await signature.isOurs("a task", own.signed("a task"), signal)).toBe(true);
  expect(await signature.isOurs("another", own.signed("another"), signal)).toBe(true);
  expect(asked).toBe(1);
  expect(await signature.isOurs("a task", own.signed("another task"), signal)).toBe(false);
  expect(await signature.isOurs("a task", other.signed("a task"), signal)).toBe(false);
});

test("a new key of the market is learned, and keys that could not be fetched are asked for again", async () => {
  const [old, fresh] = [market(), market()];
  const answers = [Promise.reject(new TypeError("away")), Promise.resolve([old.pem]), Promise.resolve([fresh.pem])];
  const signature = new MarketSignature({ receiptKeys: () => answers.shift() ?? Promise.resolve([]) });
  await expect(signature.isOurs("a task", old.signed("a task"), signal)).rejects.toThrow("away");
  expect(await signature.isOurs("a task", fresh.signed("a task"), signal)).toBe(false);
  expect(await signature.isOurs("a task", fresh.signed("a task"), signal)).toBe(true);
});
