import fc from "fast-check";
import { expect, test } from "vitest";
import { isAppError } from "@cyxwiz/primitives";
import { canonicalJson } from "../canonical/canonical-json.ts";
import { caught } from "../errors.fixture.ts";
import { checkReceipt } from "./check-receipt.ts";
import { parseReceipt } from "./parse-receipt.ts";
import { signReceipt } from "./sign-receipt.ts";
import { check, market, signed } from "./receipt.fixture.ts";

const text = JSON.stringify(signed());
const meaning = canonicalJson(signed());

/** Refused by a named error, or the same receipt: a space, an escape, a digit that changes no number. */
function expectHarmless(changed: string): void {
  const error = caught(() => {
    const receipt = parseReceipt(changed);
    checkReceipt(receipt, check);
    expect(canonicalJson(receipt)).toBe(meaning);
  });
  expect(error === undefined || isAppError(error), `${String(error)} from ${changed}`).toBe(true);
}

test("[RCP1] no character of a true receipt can be another one", () => {
  for (let index = 0; index < text.length; index++) {
    const other = String.fromCharCode(text.charCodeAt(index) ^ 1);
    expectHarmless(text.slice(0, index) + other + text.slice(index + 1));
  }
});

test("[RCP1] text that is put in, taken out or replaced is refused, or changes nothing", () => {
  const put = fc.oneof(
    fc.constantFrom("", " ", "0", ".0", "e0", ",", "null", '"a":1,', "}"),
    fc.string({ maxLength: 3 }),
  );
  fc.assert(
    fc.property(fc.nat(text.length), fc.nat(3), put, (at, taken, inserted) => {
      expectHarmless(text.slice(0, at) + inserted + text.slice(at + taken));
    }),
    { numRuns: 1_000 },
  );
});

test("[RCP2] whatever the JSON is, it throws nothing but an AppError", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(isAppError(caught(() => checkReceipt(value, check)))).toBe(true);
    }),
  );
});

/** Every path to a value inside a receipt. */
function pathsOf(value: unknown, path: readonly string[] = []): readonly (readonly string[])[] {
  if (typeof value !== "object" || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([name, member]) => pathsOf(member, [...path, name]))];
}

test("[RCP2] whatever stands in the place of a value, signed or not, it throws nothing but an AppError", () => {
  const paths = pathsOf(JSON.parse(text).receipt).slice(1);
  const others = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.integer({ min: 0, max: 101 }),
    fc.constantFrom("0", "6", "9e9"),
  );
  fc.assert(
    fc.property(fc.constantFrom(...paths), others, (path, value) => {
      const { receipt, signature } = JSON.parse(text);
      const parent = path
        .slice(0, -1)
        .reduce<unknown>((object, name) => (object as Record<string, unknown>)[name], receipt);
      (parent as Record<string, unknown>)[path.at(-1) ?? ""] = value;
      expectHarmless(JSON.stringify({ receipt, signature }));
      const error = caught(() => checkReceipt(signReceipt(receipt, market.signer), check));
      expect(error === undefined || isAppError(error), String(error)).toBe(true);
    }),
    { numRuns: 2_000 },
  );
});
