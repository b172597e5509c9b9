import { expect, test } from "vitest";
import { isError } from "@cyxwiz/primitives";
import { caught } from "../errors.fixture.ts";
import { RECEIPT_ERRORS } from "../errors.ts";
import { MAX_JSON_DEPTH } from "../limits.ts";
import { canonicalJson } from "./canonical-json.ts";
import { utf8 } from "./utf8.ts";

const NOT_CANONICAL = expect.objectContaining({ code: RECEIPT_ERRORS.NOT_CANONICAL.code });

/** RFC 8785, section 3.2.2, and its bytes in section 3.2.4. */
const RFC_SAMPLE = String.raw`{
  "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
  "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
  "literals": [null, true, false]
}`;
const RFC_SAMPLE_BYTES =
  "7b 22 6c 69 74 65 72 61 6c 73 22 3a 5b 6e 75 6c 6c 2c 74 72 75 65 2c 66 61 6c 73 65 5d 2c 22 6e 75 6d 62 65 72 73 22 " +
  "3a 5b 33 33 33 33 33 33 33 33 33 2e 33 33 33 33 33 33 33 2c 31 65 2b 33 30 2c 34 2e 35 2c 30 2e 30 30 32 2c 31 65 2d " +
  "32 37 5d 2c 22 73 74 72 69 6e 67 22 3a 22 e2 82 ac 24 5c 75 30 30 30 66 5c 6e 41 27 42 5c 22 5c 5c 5c 5c 5c 22 2f 22 7d";

/** RFC 8785, appendix B: the bits of a number and its text. */
const RFC_NUMBERS: readonly (readonly [string, string])[] = [
  ["0000000000000000", "0"],
  ["8000000000000000", "0"],
  ["0000000000000001", "5e-324"],
  ["8000000000000001", "-5e-324"],
  ["7fefffffffffffff", "1.7976931348623157e+308"],
  ["ffefffffffffffff", "-1.7976931348623157e+308"],
  ["4340000000000000", "9007199254740992"],
  ["c340000000000000", "-9007199254740992"],
  ["4430000000000000", "295147905179352830000"],
  ["44b52d02c7e14af5", "9.999999999999997e+22"],
  ["44b52d02c7e14af6", "1e+23"],
  ["44b52d02c7e14af7", "1.0000000000000001e+23"],
  ["444b1ae4d6e2ef4e", "999999999999999700000"],
  ["444b1ae4d6e2ef4f", "999999999999999900000"],
  ["444b1ae4d6e2ef50", "1e+21"],
  ["3eb0c6f7a0b5ed8c", "9.999999999999997e-7"],
  ["3eb0c6f7a0b5ed8d", "0.000001"],
  ["41b3de4355555553", "333333333.3333332"],
  ["41b3de4355555554", "333333333.33333325"],
  ["41b3de4355555555", "333333333.3333333"],
  ["41b3de4355555556", "333333333.3333334"],
  ["41b3de4355555557", "333333333.33333343"],
  ["becbf647612f3696", "-0.0000033333333333333333"],
  ["43143ff3c1cb0959", "1424953923781206.2"],
];

function numberOf(bits: string): number {
  return Buffer.from(bits, "hex").readDoubleBE();
}

test("[CAN1] the sample of RFC 8785 becomes the bytes that the RFC gives", () => {
  const bytes = utf8(canonicalJson(JSON.parse(RFC_SAMPLE)));
  expect(Buffer.from(bytes).toString("hex")).toBe(RFC_SAMPLE_BYTES.replaceAll(" ", ""));
});

test("[CAN2] members are sorted by UTF-16 units, as in the RFC's sorting sample", () => {
  const text = canonicalJson({
    "\u20ac": "Euro Sign",
    "\r": "Carriage Return",
    "\ufb33": "Hebrew Letter Dalet With Dagesh",
    "1": "One",
    "\ud83d\ude00": "Emoji: Grinning Face",
    "\u0080": "Control",
    "\u00f6": "Latin Small Letter O With Diaeresis",
  });
  expect([...text.matchAll(/:"([^"]+)"/g)].map((match) => match[1])).toEqual([
    "Carriage Return",
    "One",
    "Control",
    "Latin Small Letter O With Diaeresis",
    "Euro Sign",
    "Emoji: Grinning Face",
    "Hebrew Letter Dalet With Dagesh",
  ]);
});

test("[CAN2] members are sorted at every level and items keep their order", () => {
  expect(canonicalJson({ b: [{ d: 1, c: 2 }, 1], a: {} })).toBe('{"a":{},"b":[{"c":2,"d":1},1]}');
});

test.each(RFC_NUMBERS)("[CAN3] the number with the bits %s is written %s", (bits, text) => {
  expect(canonicalJson(numberOf(bits))).toBe(text);
});

test.each(["7fffffffffffffff", "7ff0000000000000", "fff0000000000000"])(
  "[CAN3] the number with the bits %s is refused",
  (bits) => {
    expect(caught(() => canonicalJson({ a: numberOf(bits) }))).toEqual(NOT_CANONICAL);
  },
);

test("[CAN4] undefined members are left out", () => {
  expect(canonicalJson({ a: undefined, b: 1 })).toBe('{"b":1}');
});

// oxlint-disable-next-line no-sparse-arrays
const holed = [1, , 2];
test.each([
  ["undefined", undefined],
  ["an undefined item", [1, undefined]],
  ["a hole in an array", holed],
  ["a bigint", 1n],
  ["a function", (): number => 1],
  ["a symbol", Symbol("a")],
  ["a date", new Date(0)],
  ["a map", new Map([["a", 1]])],
  ["half a surrogate pair", "\ud83d"],
  ["a name with half a surrogate pair", { "\ude00": 1 }],
])("[CAN4] %s is refused", (_what, value) => {
  expect(caught(() => canonicalJson({ a: value === undefined ? [value] : value }))).toEqual(NOT_CANONICAL);
});

test("[CAN4] the refusal names the place", () => {
  const error = caught(() => canonicalJson({ a: [{ b: 1 }, { b: Number.NaN }] }));
  expect(isError(error, RECEIPT_ERRORS.NOT_CANONICAL) && error.message).toBe(
    "the value.a[1].b is NaN and has no canonical JSON: allowed is a finite number",
  );
});

test("[CAN5] nesting has a cap, so that no input exhausts the stack", () => {
  const nested = (depth: number): unknown => JSON.parse("[".repeat(depth) + "]".repeat(depth));
  expect(canonicalJson(nested(MAX_JSON_DEPTH))).toHaveLength(2 * MAX_JSON_DEPTH);
  expect(caught(() => canonicalJson(nested(100_000)))).toEqual(NOT_CANONICAL);
});
