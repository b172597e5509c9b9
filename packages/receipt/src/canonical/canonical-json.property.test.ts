import fc from "fast-check";
import { expect, test } from "vitest";
import { isAppError } from "@cyxwiz/primitives";
import { caught } from "../errors.fixture.ts";
import { canonicalJson } from "./canonical-json.ts";
import { utf8 } from "./utf8.ts";

/** JSON whose strings are Unicode text: half a surrogate pair has no canonical form. */
const json = fc.jsonValue({ stringUnit: "binary" }).filter((value) => JSON.stringify(value).isWellFormed());

const shuffled = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(shuffled);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([name, member]) => [name, shuffled(member)]),
  );
};

test("[CAN1] a value reads back from its text, and the text of what was read is the same", () => {
  fc.assert(
    fc.property(json, (value) => {
      const text = canonicalJson(value);
      expect(canonicalJson(JSON.parse(text))).toBe(text);
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
});

test("[CAN2] the order in which members were added makes no difference", () => {
  fc.assert(
    fc.property(json, (value) => {
      expect(canonicalJson(shuffled(value))).toBe(canonicalJson(value));
    }),
  );
});

test("[CAN4] whatever it is given, it gives text or an AppError", () => {
  fc.assert(
    fc.property(fc.anything({ withBigInt: true, withDate: true, withMap: true, withSparseArray: true }), (value) => {
      const error = caught(() => canonicalJson(value));
      expect(error === undefined || isAppError(error)).toBe(true);
    }),
  );
});

test("the UTF-8 bytes of well-formed text are those of TextEncoder", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect([...utf8(text)]).toEqual([...new TextEncoder().encode(text)]);
    }),
  );
});
