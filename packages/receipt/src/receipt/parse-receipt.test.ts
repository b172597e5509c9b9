import { expect, test } from "vitest";
import { aUuid } from "../chain/chain.fixture.ts";
import { caught } from "../errors.fixture.ts";
import { RECEIPT_ERRORS } from "../errors.ts";
import { MAX_CHAIN_ENTRIES, MAX_RECEIPT_CHARS } from "../limits.ts";
import { parseReceipt } from "./parse-receipt.ts";
import { signed } from "./receipt.fixture.ts";

/** The text of a true receipt with the value at a path replaced; undefined takes the member away. */
function textWith(path: string, value: unknown): string {
  const receipt: unknown = JSON.parse(JSON.stringify(signed()));
  const names = path.split(".");
  const last = names.pop() ?? "";
  const parent = names.reduce<unknown>((object, name) => (object as Record<string, unknown>)[name], receipt);
  (parent as Record<string, unknown>)[last] = value;
  return JSON.stringify(receipt);
}

function expectMalformed(text: string, message: string): void {
  const error = caught(() => parseReceipt(text));
  expect(error).toMatchObject({ code: RECEIPT_ERRORS.MALFORMED.code });
  expect((error as Error).message).toContain(message);
}

test("[RCP2] the text of a receipt reads back, indented or not", () => {
  expect(parseReceipt(JSON.stringify(signed()))).toEqual(signed());
  expect(parseReceipt(JSON.stringify(signed(), null, 2))).toEqual(signed());
});

test.each([
  ["", 'the receipt is "": expected JSON'],
  ["{", 'the receipt is "{": expected JSON'],
  ["null", "the receipt is null: expected an object"],
  ["[]", "the receipt is a list of 0: expected an object"],
  ["{}", "the receipt.receipt is missing: expected an object"],
  ["[".repeat(100_000), "expected JSON"],
])("[RCP2] %j is no receipt", (text, message) => {
  expectMalformed(text, message);
});

test("[RCP2] a text that is too long is not even read", () => {
  expectMalformed(" ".repeat(MAX_RECEIPT_CHARS + 1), `${MAX_RECEIPT_CHARS + 1} characters long: expected at most`);
});

test.each<[string, unknown, string]>([
  ["receipt.format", "other", 'the receipt.receipt.format is "other": expected "cyxwiz-receipt"'],
  ["receipt.version", 2, "the receipt.receipt.version is 2: expected 1"],
  ["receipt.network", 7, "the receipt.receipt.network is 7: expected at most 1000 characters"],
  ["receipt.name", "x".repeat(1_001), "expected at most 1000 characters"],
  ["receipt.name", "\ud83d", "expected at most 1000 characters"],
  ["receipt.job_id", "1", "expected a UUID"],
  ["receipt.job_id", null, "the receipt.receipt.job_id is null"],
  ["receipt.issued_at", "yesterday", "expected a time in UTC"],
  ["receipt.issued_at", "2026-13-31T12:00:00Z", "expected a time in UTC"],
  ["receipt.outcome", undefined, "the receipt.receipt.outcome is missing"],
  ["receipt.chain", {}, "the receipt.receipt.chain is an object: expected a list"],
  ["receipt.chain", Array.from({ length: MAX_CHAIN_ENTRIES + 1 }, () => null), "expected at most 10000 items"],
  ["receipt.chain.1.threads", 0, "chain[1].threads is 0: expected a whole number from 1"],
  ["receipt.chain.1.threads", undefined, "the receipt.receipt.chain[1].threads is missing"],
  ["receipt.chain.2", null, "the receipt.receipt.chain[2] is null: expected an object"],
  [
    "receipt.chain.2.kind",
    "other",
    'chain[2].kind is "other": expected run or segment or checkpoint or change or result',
  ],
  ["receipt.chain.2.kind", "constructor", "chain[2].kind"],
  ["receipt.chain.2.step", -1, "chain[2].step is -1: expected a whole number from 1"],
  ["receipt.chain.2.step", 2 ** 53, "chain[2].step"],
  ["receipt.chain.2.sha256", "AB", "expected 64 lower-case hexadecimal digits"],
  ["receipt.chain.2.cid", "Qm", "expected a CID"],
  ["receipt.chain.3.stop", 1, "chain[3].stop is 1: expected true or false"],
  ["receipt.chain.3.learning_rate", "0.1", 'chain[3].learning_rate is "0.1": expected a number'],
  ["receipt.result.onnx", [], "result.onnx is a list of 0"],
  ["receipt.verification.verdict", "good", 'expected "verified" or "plausible" or "unverified" or "refused"'],
  ["receipt.verification.reruns", Array.from({ length: 17 }, () => null), "at most 16 items"],
  ["receipt.payment.due", "-1", 'the receipt.receipt.payment.due is "-1": expected an amount'],
  ["receipt.payment.due", 6, "the receipt.receipt.payment.due is 6: expected an amount"],
  ["receipt.payment.quoted", "9999999999.5", "expected an amount"],
  ["receipt.payment.owners.0.unit_id", "gpu", "expected a unit id"],
  ["receipt.payment.more", 1, "the receipt.receipt.payment.more is 1: expected no such member"],
  ["signature.value", "A", "expected an Ed25519 signature"],
  ["signature.key_id", aUuid(1), "expected 16 lower-case hexadecimal digits"],
  ["more\u001b", 1, "the receipt.more\ufffd is 1"],
])("[RCP2] a receipt with %s of another form is refused, with the place (%#)", (path, value, message) => {
  expectMalformed(textWith(path, value), message);
});

test("[RCP2] a name that objects have from birth is a member like any other", () => {
  const text = JSON.stringify(signed()).replace('"receipt":{', '"receipt":{"__proto__":{},');
  expectMalformed(text, "the receipt.receipt.__proto__ is an object: expected no such member");
});
