import { expect, test } from "vitest";
import { PRIMITIVES_ERRORS } from "../errors.ts";
import { parseJobId } from "../id/ids.ts";
import { isAppError, isError } from "./app-error.ts";
import { assert } from "./assert.ts";

function caught(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}

test("an error is narrowed by its code and then has a typed context", () => {
  const error = caught(() => parseJobId("not-a-uuid"));
  assert(isError(error, PRIMITIVES_ERRORS.ID_MALFORMED), "expected primitives/id-malformed");
  expect(error.context.kind satisfies string).toBe("job id");
  expect(error.message).toBe('"not-a-uuid" is not a job id: expected a UUID');
});

test("a copy of an AppError from another realm still counts", () => {
  const copy = { name: "AppError", code: "primitives/id-malformed", context: {} };
  expect(isError(copy, PRIMITIVES_ERRORS.ID_MALFORMED)).toBe(true);
  expect(isAppError(new TypeError("x"))).toBe(false);
});

test("long input is cut before it reaches a message", () => {
  const error = caught(() => parseJobId("x".repeat(10_000)));
  assert(isAppError(error), "expected an AppError");
  expect(error.message.length).toBeLessThan(200);
});
