import { readFileSync, readdirSync } from "node:fs";
import { createRegistry, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { DescMessage, DescMethod, Message } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { defined, isAppError } from "@cyxwiz/primitives";
import { decodeRequest } from "../server/grpc-call.ts";
import { WIRE_FILES } from "./wire-files.contract.ts";

const registry = createRegistry(...WIRE_FILES);
const FOLDER = new URL("../../../../proto/vectors/", import.meta.url);
const VECTORS = readdirSync(FOLDER)
  .filter((name) => name.endsWith(".json"))
  .flatMap((name) => JSON.parse(readFileSync(new URL(name, FOLDER), "utf8")) as { message: string; hex: string }[]);
const METHODS: readonly DescMethod[] = WIRE_FILES.flatMap((file) => file.services).flatMap(
  (service) => service.methods,
);

/** Undefined when the bytes are refused with an ordinary error; a stack that overflows is not one. */
function decodeOrRefuse(schema: DescMessage, bytes: Uint8Array): Message | undefined {
  try {
    return fromBinary(schema, bytes);
  } catch (error) {
    expect(error).not.toMatchObject({ message: expect.stringContaining("call stack") as string });
    return undefined;
  }
}

describe("decoders", () => {
  test("[PC3] random bytes are refused with an AppError or decoded to a message that encodes again", () => {
    let refused = 0;
    let decoded = 0;
    fc.assert(
      fc.property(fc.constantFrom(...METHODS), fc.uint8Array({ maxLength: 64 }), (method, bytes) => {
        try {
          toBinary(method.input, decodeRequest(method, Buffer.from(bytes), 1_000));
          decoded += 1;
        } catch (error) {
          expect(isAppError(error) && error.code).toBe("protocol/message-malformed");
          refused += 1;
        }
      }),
      { numRuns: 5_000 },
    );
    expect(Math.min(refused, decoded)).toBeGreaterThan(100);
  });

  test("[PC3] a golden message with flipped or missing bytes is refused or decoded to a message that survives its own trip", () => {
    const damaged = fc.record({
      vector: fc.constantFrom(...VECTORS),
      flips: fc.array(fc.record({ at: fc.nat(), to: fc.integer({ min: 0, max: 255 }) }), { maxLength: 4 }),
      kept: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(damaged, ({ vector, flips, kept }) => {
        const schema = defined(registry.getMessage(vector.message), vector.message);
        const bytes = Buffer.from(vector.hex, "hex");
        for (const { at, to } of flips) bytes[at % bytes.length] = to;
        const message = decodeOrRefuse(schema, bytes.subarray(0, Math.ceil(kept * bytes.length)));
        if (!message) return;
        const again = fromBinary(schema, toBinary(schema, message));
        expect(toBinary(schema, again)).toEqual(toBinary(schema, message));
      }),
      { numRuns: 3_000 },
    );
  });

  test("[PC4] a message over the cap is refused before it is decoded", () => {
    const method = defined(METHODS[0], "a method");
    expect(() => decodeRequest(method, Buffer.alloc(11), 10)).toThrow(
      expect.objectContaining({ code: "protocol/message-size-exceeded" }),
    );
  });
});
