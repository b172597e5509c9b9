import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { canonicalJson } from "../canonical/canonical-json.ts";
import { caught } from "../errors.fixture.ts";
import { RECEIPT_ERRORS } from "../errors.ts";
import { aChange, aCheckpoint, aRun, aSegment, aUuid, sha256 } from "./chain.fixture.ts";
import { CHAIN_START, chainRoot, extendChain } from "./chain.ts";
import { changeText } from "./change-text.ts";

test("[CHN1] a chain starts with the hash of its format", () => {
  expect(CHAIN_START(sha256)).toBe("c97344b2b5fdfbdfe11f60d4e172b17428f42d26e99d5a1a159e4f03e13977f1");
});

test("[CHN1] a head is the hash of the bytes of the head before and of the entry's canonical JSON", () => {
  const start = CHAIN_START(sha256);
  const entry = aCheckpoint(25);
  const byHand = createHash("sha256").update(Buffer.from(start, "hex")).update(canonicalJson(entry)).digest("hex");
  expect(extendChain(start, entry, sha256)).toBe(byHand);
});

test("[CHN1] the root is the head after the last entry, and the start of a chain without one", () => {
  const entries = [aRun(), aSegment(0), aCheckpoint(25)];
  const start = CHAIN_START(sha256);
  expect(chainRoot([], sha256)).toBe(start);
  expect(chainRoot(entries, sha256)).toBe(entries.reduce((head, entry) => extendChain(head, entry, sha256), start));
});

test.each(["", "ab", "E".repeat(64), "g".repeat(64), "0".repeat(66)])("[CHN2] %j is no head", (head) => {
  expect(caught(() => extendChain(head, aRun(), sha256))).toMatchObject({ code: RECEIPT_ERRORS.HEAD_MALFORMED.code });
});

test("[CHN1] another order, another entry or one less gives another root", () => {
  const entries = [aRun(), aSegment(0), ...[25, 50, 75, 100].map(aCheckpoint)];
  const root = chainRoot(entries, sha256);
  fc.assert(
    fc.property(fc.shuffledSubarray(entries), (other) => {
      const isSame = other.length === entries.length && other.every((entry, index) => entry === entries[index]);
      expect(chainRoot(other, sha256) === root).toBe(isSame);
    }),
  );
});

test("[CHN3] the server signs a change with its job and without its step", () => {
  expect(changeText(aUuid(1), aChange(30))).toBe(
    `{"batch_size":null,"change_id":"${aUuid(1_030)}","format":"cyxwiz-change","job_id":"${aUuid(1)}",` +
      `"learning_rate":0.01,"stop":false,"version":1}`,
  );
  expect(changeText(aUuid(1), aChange(31, { change_id: aUuid(1_030) }))).toBe(changeText(aUuid(1), aChange(30)));
});
