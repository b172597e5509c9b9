import { Code, ConnectError } from "@connectrpc/connect";
import { AppError, MAX_AMOUNT } from "@cyxwiz/primitives";
import type { ErrorSpec, RpcStatus } from "@cyxwiz/primitives";
import { describe, expect, test } from "vitest";
import { ERROR_CONTEXT_BYTES } from "../limits.ts";
import { ERROR_CODES } from "../rest/shared-schemas.ts";
import { fromCallFailure, toConnectError } from "./connect-error.ts";
import { grpcCode, statusOfGrpcCode } from "./grpc-status.ts";
import { inBandError } from "./in-band-error.ts";
import { toRestError } from "./rest-error.ts";

const STATUSES: readonly RpcStatus[] = [
  "invalid-argument",
  "unauthenticated",
  "permission-denied",
  "not-found",
  "already-exists",
  "failed-precondition",
  "out-of-range",
  "resource-exhausted",
  "aborted",
  "unimplemented",
  "unavailable",
  "deadline-exceeded",
  "cancelled",
  "internal",
];

function failure<C>(rpc: RpcStatus, context: C, code = "test/failed"): AppError<C> {
  const spec: ErrorSpec<C> = { code, rpc, retry: "now", message: () => "it failed" };
  return new AppError(spec, context);
}

describe("AppError over gRPC and Connect", () => {
  test("every status survives the trip with code, retry class and message", () => {
    for (const rpc of STATUSES) {
      expect(statusOfGrpcCode(grpcCode(rpc))).toBe(rpc);
      const back = fromCallFailure(toConnectError(failure(rpc, { step: 3 })));
      const expected = rpc === "internal" ? {} : { message: "it failed", context: { step: 3 } };
      expect(back).toMatchObject({ code: "test/failed", rpc, retry: "now", ...expected });
    }
  });

  test("money in a context travels as decimal digits", () => {
    const back = fromCallFailure(toConnectError(failure("aborted", { price: MAX_AMOUNT })));
    expect(back.context).toEqual({ price: String(MAX_AMOUNT) });
  });

  test("a context that is too large or not JSON is left out and the code stays", () => {
    const loop: { self?: unknown } = {};
    loop.self = loop;
    for (const context of [{ text: "x".repeat(ERROR_CONTEXT_BYTES) }, loop]) {
      const back = fromCallFailure(toConnectError(failure("aborted", context)));
      expect(back).toMatchObject({ code: "test/failed", context: {} });
    }
  });

  test("[PL1] a failure without detail of ours is protocol/call-failed with its status", () => {
    const back = fromCallFailure(new ConnectError("busy", Code.ResourceExhausted));
    expect(back).toMatchObject({ code: "protocol/call-failed", rpc: "resource-exhausted", retry: "backoff" });
    expect(back.context).toEqual({ status: "resource-exhausted", message: "busy" });
  });

  test("[PL3] a connection that breaks is unavailable, whatever the library calls it", () => {
    expect(fromCallFailure(new TypeError("fetch failed")).rpc).toBe("unavailable");
    const reset = Object.assign(new Error("reset"), { code: "ERR_HTTP2_STREAM_ERROR" });
    const broken = new ConnectError("reset", Code.Internal, undefined, undefined, reset);
    expect(fromCallFailure(broken)).toMatchObject({ rpc: "unavailable", retry: "backoff" });
  });
});

describe("AppError over REST", () => {
  test("[PW3] every status gives one of the eight codes, and the AppError code is the reason", () => {
    const answers = Object.fromEntries(
      STATUSES.map((rpc) => {
        const { status, body } = toRestError(failure(rpc, {}));
        expect(ERROR_CODES).toContain(body.code);
        expect(body.details.reason).toBe("test/failed");
        return [rpc, `${status} ${body.code}`];
      }),
    );
    expect(answers).toEqual({
      "invalid-argument": "400 INVALID_REQUEST",
      unauthenticated: "401 UNAUTHORIZED",
      "permission-denied": "403 FORBIDDEN",
      "not-found": "404 NOT_FOUND",
      "already-exists": "409 CONFLICT",
      "failed-precondition": "409 CONFLICT",
      "out-of-range": "400 INVALID_REQUEST",
      "resource-exhausted": "429 RATE_LIMITED",
      aborted: "409 CONFLICT",
      unimplemented: "501 SERVER_ERROR",
      unavailable: "503 SERVER_ERROR",
      "deadline-exceeded": "504 SERVER_ERROR",
      cancelled: "500 SERVER_ERROR",
      internal: "500 SERVER_ERROR",
    });
  });

  test("[PW3] an allocation over the hardware is 422", () => {
    const { status, body } = toRestError(failure("out-of-range", { asked: 12n }, "market/allocation-exceeded"));
    expect({ status, body }).toEqual({
      status: 422,
      body: {
        error: "it failed",
        code: "INVALID_ALLOCATION",
        details: { asked: "12", reason: "market/allocation-exceeded" },
      },
    });
  });

  test("what is internal or unknown leaves without detail", () => {
    for (const error of [failure("internal", { path: "/secret" }), new TypeError("/secret")]) {
      const { status, body } = toRestError(error);
      expect(status).toBe(500);
      expect(JSON.stringify(body)).not.toContain("secret");
    }
  });
});

describe("AppError in-band", () => {
  test("a refusal has the number that deployed clients know and our code in its details", () => {
    expect(inBandError(failure("not-found", {}))).toMatchObject({
      code: 404,
      message: "it failed",
      details: "test/failed",
    });
    expect(inBandError(failure("failed-precondition", {}), 402).code).toBe(402);
    expect(inBandError(failure("internal", {}))).toMatchObject({ code: 500, message: "internal error" });
  });
});
