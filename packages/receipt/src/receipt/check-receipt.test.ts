import { expect, test } from "vitest";
import { aChange, aCheckpoint, aResult, aRun, aSegment, aUuid, hashOf, sha256 } from "../chain/chain.fixture.ts";
import type { ChainEntry } from "../chain/chain-entry.ts";
import { canonicalJson } from "../canonical/canonical-json.ts";
import { caught } from "../errors.fixture.ts";
import { RECEIPT_ERRORS } from "../errors.ts";
import type { RerunOutcome } from "../verdict/verdict.ts";
import { checkReceipt } from "./check-receipt.ts";
import { aBody, aRerun, check, formerMarket, market, signed, stoppedChain, stranger } from "./receipt.fixture.ts";
import type { ReceiptBody } from "./receipt.ts";

function expectRefused(receipt: unknown, error: { readonly code: string }, message: string, options = check): void {
  const refusal = caught(() => checkReceipt(receipt, options));
  expect(refusal).toMatchObject({ code: error.code });
  expect((refusal as Error).message).toContain(message);
}

/** A body with one changed member of its verification. */
const checkedBy = (changed: Partial<ReceiptBody["verification"]>): Partial<ReceiptBody> => ({
  verification: { ...aBody().verification, ...changed },
});
const rerunsOf = (...outcomes: readonly RerunOutcome[]): ReceiptBody["verification"]["reruns"] =>
  outcomes.map((outcome, index) => aRerun({ outcome, node_id: aUuid(20 + index), paid: "0.04" }));
const paidBy = (changed: Partial<ReceiptBody["payment"]>): Partial<ReceiptBody> => ({
  payment: { ...aBody().payment, ...changed },
});
const noResult = { result: { onnx: null, weights: null } };
const nothingDue = paidBy({ due: "0", owners: [], platform: "0", refunded: "10.000000001" });

test("[RCP1] a true receipt passes, and its body comes back", () => {
  expect(checkReceipt(signed(), check)).toEqual(aBody());
  expect(checkReceipt(JSON.parse(JSON.stringify(signed(), null, 2)), check)).toEqual(aBody());
});

test("[RCP1] the market's signature is over the canonical JSON of the body", () => {
  const receipt = signed();
  expect(receipt.signature.key_id).toBe(market.key.key_id);
  expect(check.verify(market.key.public_key, canonicalJson(receipt.receipt), receipt.signature.value)).toBe(true);
});

test("[RCP3] a receipt of another network is refused, and so is a key of another network", () => {
  const { NETWORK_MISMATCH } = RECEIPT_ERRORS;
  expectRefused(signed({ network: "ledger-00000000" }), NETWORK_MISMATCH, 'the network "ledger-00000000"');
  const { network: _any, ...anywhere } = { ...check, keys: [market.key, stranger.key] };
  expect(caught(() => checkReceipt(signed(), anywhere))).toBeUndefined();
  expectRefused(signed({}, stranger.signer), NETWORK_MISMATCH, `the key ${stranger.key.key_id}`, anywhere);
});

test("[RCP4] a key that the caller does not know is refused, and the known ones are named", () => {
  const { KEY_UNKNOWN } = RECEIPT_ERRORS;
  expectRefused(signed({}, stranger.signer), KEY_UNKNOWN, `known are ${market.key.key_id}`);
  expectRefused(signed(), KEY_UNKNOWN, "known is none", { ...check, keys: [] });
});

test("[RCP5] a changed body, and a signature by another key under this key's name, are refused", () => {
  const { SIGNATURE_MISMATCH } = RECEIPT_ERRORS;
  expectRefused(
    { ...signed(), receipt: aBody({ name: "another" }) },
    SIGNATURE_MISMATCH,
    "the signature of the receipt",
  );
  const disguised = { ...stranger.signer, keyId: market.key.key_id };
  expectRefused(signed({}, disguised), SIGNATURE_MISMATCH, market.key.key_id);
});

test.each<[string, readonly ChainEntry[], { readonly code: string }]>([
  ["nothing", [], RECEIPT_ERRORS.CHAIN_MALFORMED],
  ["no segment", [aRun(), aCheckpoint(25)], RECEIPT_ERRORS.CHAIN_MALFORMED],
  ["a gap", [aRun(), aSegment(0), aCheckpoint(30)], RECEIPT_ERRORS.CHAIN_GAP],
])("[RCP6] a chain with %s is refused, even when it is signed", (_what, chain, error) => {
  expectRefused(signed({ chain }), error, "of the chain");
});

test("[RCP6] a root that is not that of the chain is refused", () => {
  expectRefused(signed({ root: hashOf("another") }), RECEIPT_ERRORS.CHAIN_MISMATCH, "the receipt's root is");
});

const artifact = aBody().result.onnx;
test.each<[string, Partial<ReceiptBody>]>([
  ["job_id", { job_id: aUuid(2) }],
  ["outcome", { outcome: "failed-by-job" }],
  ["outcome", { chain: [aRun(), aSegment(0), aCheckpoint(25), aResult(25)] }],
  ["outcome", { chain: [aRun(), aSegment(0), aCheckpoint(25)], ...noResult }],
  ["result.onnx", { result: { ...aBody().result, onnx: null } }],
  ["result.onnx", { result: { onnx: aBody().result.weights, weights: artifact } }],
  ["result.weights", { result: { onnx: artifact, weights: artifact } }],
  ["result.onnx", { outcome: "cancelled", chain: [aRun(), aSegment(0), aCheckpoint(25)] }],
  ["verification.interval", checkedBy({ interval: { from: 10, to: 50 } })],
  ["verification.interval", checkedBy({ interval: { from: 25, to: 51 } })],
  ["verification.interval", checkedBy({ interval: { from: 50, to: 25 } })],
  ["verification.interval", checkedBy({ interval: { from: 60, to: 60 } })],
])("[RCP7] a %s that differs from the chain is refused", (what, changed) => {
  expectRefused(signed(changed), RECEIPT_ERRORS.CHAIN_MISMATCH, `the receipt's ${what} is`);
});

/** 40 of 100 steps, then a step that fails. */
const failed = (to: number): Partial<ReceiptBody> => ({
  outcome: "failed-by-job",
  chain: [aRun(), aSegment(0), aCheckpoint(25), aCheckpoint(40)],
  ...noResult,
  ...checkedBy({ interval: { from: 40, to } }),
  ...paidBy({
    due: "4",
    owners: [{ node_id: aUuid(10), unit_id: "unit_gpu0_xyz123", amount: "3.6" }],
    platform: "0.4",
    refunded: "6.000000001",
  }),
});

test("[RCP7] a cancelled job may have the model of what it reached, before its end", () => {
  const kept = signed({
    outcome: "cancelled",
    chain: [aRun(), aSegment(0), aCheckpoint(25), aCheckpoint(50), aResult(50)],
    ...firstNodeOnly,
  });
  expect(caught(() => checkReceipt(kept, check))).toBeUndefined();
});

test("[RCP7] a job that failed may be checked where it failed, after its last checkpoint", () => {
  expect(caught(() => checkReceipt(signed(failed(47)), check))).toBeUndefined();
  expectRefused(signed(failed(101)), RECEIPT_ERRORS.CHAIN_MISMATCH, "verification.interval is 40 to 101");
});

test("[RCP5] changes are signed by the market: by this key or by another one of its network", () => {
  const { SIGNATURE_MISMATCH } = RECEIPT_ERRORS;
  const byFormer = signed({ chain: stoppedChain(formerMarket.signer) });
  expectRefused(byFormer, SIGNATURE_MISMATCH, `the change ${aUuid(1_030)}`);
  const keys = [market.key, formerMarket.key, stranger.key];
  expect(caught(() => checkReceipt(byFormer, { ...check, keys }))).toBeUndefined();
  const byStranger = signed({ chain: stoppedChain(stranger.signer) });
  expectRefused(byStranger, SIGNATURE_MISMATCH, `the change ${aUuid(1_030)}`, { ...check, keys });
  const raised = stoppedChain().map((entry) => (entry.kind === "change" ? { ...entry, learning_rate: 9 } : entry));
  expectRefused(signed({ chain: raised }), SIGNATURE_MISMATCH, `the change ${aUuid(1_030)}`);
});

test("[RCP5] the step of a change is not signed by the market: the node says it, and the chain holds it", () => {
  const moved = stoppedChain().map((entry) =>
    entry.kind === "change" && !entry.stop ? { ...entry, step: 31 } : entry,
  );
  expect(caught(() => checkReceipt(signed({ chain: moved }), check))).toBeUndefined();
});

test.each<[string, Partial<ReceiptBody["verification"]>]>([
  ["verified with no interval", { interval: null }],
  ["verified by nobody", { reruns: [], paid: "0" }],
  ["verified by a distance", { reruns: rerunsOf("plausible"), paid: "0.04" }],
  ["plausible by nobody", { verdict: "plausible", reruns: rerunsOf("disagrees"), paid: "0.04" }],
  ["refused by one", { verdict: "refused", reruns: rerunsOf("disagrees"), paid: "0.04" }],
  [
    "refused by one twice",
    { verdict: "refused", reruns: [1, 2].map(() => aRerun({ outcome: "disagrees", paid: "0" })), paid: "0" },
  ],
  ["verified by a node that trained it", { reruns: [aRerun({ node_id: aUuid(11) })] }],
])("[RCP8] %s is refused", (_what, changed) => {
  expectRefused(signed(checkedBy(changed)), RECEIPT_ERRORS.VERDICT_MISMATCH, "does not follow from");
});

test.each<[string, Partial<ReceiptBody["verification"]>]>([
  ["plausible by a distance", { verdict: "plausible", reruns: rerunsOf("plausible"), paid: "0.04" }],
  [
    "plausible by two that are not trusted",
    { verdict: "plausible", reruns: rerunsOf("agrees", "agrees"), paid: "0.08" },
  ],
  ["verified by two against one", { reruns: rerunsOf("disagrees", "agrees", "agrees"), paid: "0.12" }],
  ["unverified", { verdict: "unverified", interval: null, reruns: [], paid: "0" }],
  ["unverified after one negative answer", { verdict: "unverified", reruns: rerunsOf("disagrees"), paid: "0.04" }],
])("[RCP8] %s is a verdict", (_what, changed) => {
  expect(caught(() => checkReceipt(signed(checkedBy(changed)), check))).toBeUndefined();
});

test.each<[string, Partial<ReceiptBody>, string]>([
  [
    "more due than the steps",
    paidBy({ due: "6.000000001", refunded: "4" }),
    "payment.due is 6.000000001 CYXWIZ: the other amounts allow 6",
  ],
  ["less due than the steps", paidBy({ due: "5", refunded: "5.000000001" }), "payment.due is 5"],
  ["nothing due for a completed job", nothingDue, "payment.due is 0"],
  ["owners who get too much", paidBy({ platform: "0.600000001" }), "payment.owners with platform is 6.000000001"],
  ["an owner left out", paidBy({ owners: aBody().payment.owners.slice(1) }), "payment.owners with platform is 1.5"],
  ["a refund that is too small", paidBy({ refunded: "4" }), "payment.due with refunded is 10"],
])("[RCP9] %s is refused", (_what, changed, message) => {
  expectRefused(signed(changed), RECEIPT_ERRORS.SUM_MISMATCH, message);
});

const cancelled: Partial<ReceiptBody> = { outcome: "cancelled", chain: stoppedChain().slice(0, 5), ...noResult };
const refusedAt = (from: number, to: number): Partial<ReceiptBody> => ({
  ...checkedBy({
    verdict: "refused",
    interval: { from, to },
    reruns: rerunsOf("disagrees", "disagrees"),
    paid: "0.08",
  }),
});
const firstNodeOnly = paidBy({
  due: "5",
  owners: [{ node_id: aUuid(10), unit_id: "unit_gpu0_xyz123", amount: "4.5" }],
  platform: "0.5",
  refunded: "5.000000001",
});
const unpaid = {
  verdict: "refused" as const,
  reruns: rerunsOf("disagrees", "implausible").map((rerun) => ({ ...rerun, paid: "0" })),
  paid: "0",
};

test.each<[string, Partial<ReceiptBody>]>([
  [
    "nothing for a cancelled job, where the market gives everything back",
    { ...cancelled, ...nothingDue, ...checkedBy({ reruns: [aRerun({ paid: "0" })], paid: "0" }) },
  ],
  ["the committed steps of a cancelled job", { ...cancelled, ...firstNodeOnly }],
  ["the steps before the segment that was refused", { ...refusedAt(50, 60), ...firstNodeOnly }],
  ["nothing for refused work", { ...nothingDue, ...checkedBy({ ...unpaid, interval: { from: 50, to: 60 } }) }],
  [
    "nothing when the first segment was refused",
    { ...nothingDue, ...checkedBy({ ...unpaid, interval: { from: 25, to: 50 } }) },
  ],
])("[RCP9] due may be %s", (_what, changed) => {
  expect(caught(() => checkReceipt(signed(changed), check))).toBeUndefined();
});

test("[RCP9] refused steps are not due", () => {
  expectRefused(signed(refusedAt(50, 60)), RECEIPT_ERRORS.SUM_MISMATCH, "the other amounts allow 5 or 0");
});

test("[RCP10] those who re-ran are paid what the receipt says, from the platform's part", () => {
  const { SUM_MISMATCH } = RECEIPT_ERRORS;
  expectRefused(signed(checkedBy({ paid: "0.13" })), SUM_MISMATCH, "0.12, the sum of the re-runs");
  const dear = checkedBy({ reruns: [aRerun({ paid: "0.600000001" })], paid: "0.600000001" });
  expectRefused(signed(dear), SUM_MISMATCH, "at most the platform's 0.6");
});

test("the first thing that is wrong is named: form, network, key, signature, chain, root", () => {
  const wrong = aBody({ network: "other", root: hashOf("other"), chain: [aRun(), aChange(1), aResult(2)] });
  const receipt = { receipt: wrong, signature: { ...signed({}, stranger.signer).signature } };
  const codes = [
    caught(() => checkReceipt({ ...receipt, more: 1 }, check)),
    caught(() => checkReceipt(receipt, check)),
    caught(() => checkReceipt(receipt, { ...check, network: "other" })),
    caught(() => checkReceipt(receipt, { ...check, network: "other", keys: [{ ...stranger.key, network: "other" }] })),
    caught(() => checkReceipt(signed({ chain: wrong.chain, root: wrong.root }), check)),
    caught(() => checkReceipt(signed({ root: wrong.root, job_id: aUuid(2) }), check)),
  ].map((error) => (error as { code: string }).code);
  expect(codes).toEqual([
    "receipt/malformed",
    "receipt/network-mismatch",
    "receipt/key-unknown",
    "receipt/signature-mismatch",
    "receipt/chain-malformed",
    "receipt/chain-mismatch",
  ]);
});

test("a hash that the caller computes another way is noticed", () => {
  const backwards = (bytes: Uint8Array): Uint8Array => sha256(bytes).toReversed();
  expectRefused(signed(), RECEIPT_ERRORS.CHAIN_MISMATCH, "root", { ...check, sha256: backwards });
});
