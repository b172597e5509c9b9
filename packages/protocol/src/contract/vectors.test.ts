/**
 * Golden messages of `proto/vectors/`: what a deployed or older peer sent must decode to the same message for ever,
 * and what we send must be the same bytes. Append-only; the bytes were made with buf, an implementation of its own.
 */
import { readFileSync, readdirSync } from "node:fs";
import { createRegistry, fromBinary, fromJson, toBinary, toJson } from "@bufbuild/protobuf";
import type { JsonValue } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { defined } from "@cyxwiz/primitives";
import { WIRE_FILES } from "./wire-files.contract.ts";

interface Vector {
  readonly name: string;
  readonly message: string;
  readonly json: JsonValue;
  /** What we send: fields in the order of their numbers. */
  readonly hex: string;
  /** The same message as other implementations order it. */
  readonly also?: readonly string[];
}

const FOLDER = new URL("../../../../proto/vectors/", import.meta.url);
const registry = createRegistry(...WIRE_FILES);
const files = readdirSync(FOLDER).filter((name) => name.endsWith(".json"));

describe("golden messages", () => {
  test("there is at least one file of them", () => {
    expect(files.length).toBeGreaterThan(0);
  });

  for (const file of files) {
    const vectors = JSON.parse(readFileSync(new URL(file, FOLDER), "utf8")) as readonly Vector[];
    for (const vector of vectors) {
      test(`[PC2] ${file}: ${vector.name} is the same bytes and the same message both ways`, () => {
        const schema = defined(registry.getMessage(vector.message), vector.message);
        for (const hex of [vector.hex, ...(vector.also ?? [])]) {
          expect(toJson(schema, fromBinary(schema, Buffer.from(hex, "hex")))).toEqual(vector.json);
        }
        expect(Buffer.from(toBinary(schema, fromJson(schema, vector.json))).toString("hex")).toBe(vector.hex);
      });
    }
  }
});
