import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { isAppError } from "@cyxwiz/primitives";
import { beforeAll, afterAll, expect, test } from "vitest";
import { SafetensorsFile, type Tensor, writeSafetensors } from "./safetensors-file.ts";
import { encodeHeader, headerLength, LENGTH_BYTES, parseHeader } from "./safetensors-header.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "safetensors-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const data = fc.oneof(
  fc.float32Array({ maxLength: 24 }),
  fc.uint8Array({ maxLength: 24 }),
  fc
    .array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), { maxLength: 24 })
    .map((values) => BigInt64Array.from(values)),
);
const tensors = fc
  .dictionary(
    fc.string({ maxLength: 8 }).filter((name) => name !== "__metadata__"),
    data,
    { maxKeys: 6 },
  )
  .map(
    (entries) =>
      new Map<string, Tensor>(
        Object.entries(entries).map(([name, values]) => [name, { shape: [values.length], data: values }]),
      ),
  );

test("any tensors and metadata come back as they were written", async () => {
  const path = join(folder, "round-trip.safetensors");
  await fc.assert(
    fc.asyncProperty(
      tensors,
      fc.dictionary(fc.string({ maxLength: 8 }), fc.string({ maxLength: 8 })),
      async (given, metadata) => {
        await writeSafetensors(path, given, metadata);
        await using file = await SafetensorsFile.open(path);
        expect({ ...file.header.metadata }).toEqual({ ...metadata });
        for (const [name, tensor] of given) expect((await file.read(name)).data).toEqual(tensor.data);
      },
    ),
    { numRuns: 40 },
  );
});

test("the order in which tensors are given does not change the file", async () => {
  const a: [string, Tensor] = ["a", { shape: [2], data: Float32Array.of(1, 2) }];
  const b: [string, Tensor] = ["b", { shape: [1], data: BigInt64Array.of(3n) }];
  const first = await writeSafetensors(join(folder, "1"), new Map([a, b]), {});
  const second = await writeSafetensors(join(folder, "2"), new Map([b, a]), {});
  expect(second).toEqual(first);
  expect(await readdir(folder)).not.toContain("1.part");
});

test("a changed header is refused or still describes the data without gap, never anything else", () => {
  const places = new Map([
    ["w", { dtype: "F32" as const, shape: [2, 3], begin: 0, end: 24 }],
    ["b", { dtype: "U8" as const, shape: [4], begin: 24, end: 28 }],
  ]);
  const json = encodeHeader({ tensors: places, metadata: { format: "pt" } }).subarray(LENGTH_BYTES);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(json.byteLength - 1), fc.integer({ min: 32, max: 126 })), {
        minLength: 1,
        maxLength: 4,
      }),
      (changes) => {
        const bytes = Uint8Array.from(json);
        for (const [at, value] of changes) bytes[at] = value;
        try {
          const covered = [...parseHeader(bytes, 28, "fuzzed").tensors.values()].reduce(
            (sum, place) => sum + place.end - place.begin,
            0,
          );
          expect(covered).toBe(28);
        } catch (error) {
          expect(isAppError(error) && error.code).toBe("backend/safetensors-malformed");
        }
      },
    ),
    { numRuns: 500 },
  );
});

test.each([
  ["a gap", { a: { dtype: "U8", shape: [1], data_offsets: [1, 2] } }, 2],
  [
    "an overlap",
    { a: { dtype: "U8", shape: [2], data_offsets: [0, 2] }, b: { dtype: "U8", shape: [1], data_offsets: [1, 2] } },
    2,
  ],
  ["bytes after the last tensor", { a: { dtype: "U8", shape: [1], data_offsets: [0, 1] } }, 2],
  ["a tensor past the end", { a: { dtype: "U8", shape: [3], data_offsets: [0, 3] } }, 2],
  ["a size that is not the shape's", { a: { dtype: "F32", shape: [1], data_offsets: [0, 2] } }, 2],
  ["a size beyond exact integers", { a: { dtype: "U8", shape: [2 ** 50, 2 ** 50], data_offsets: [0, 2] } }, 2],
  ["a negative extent", { a: { dtype: "U8", shape: [-1], data_offsets: [0, -1] } }, 0],
  ["an unknown dtype", { a: { dtype: "toString", shape: [], data_offsets: [0, 1] } }, 1],
  ["a list", [], 0],
  ["metadata that is not text", { __metadata__: { a: 1 } }, 0],
])("a header with %s is refused", (_name, header, dataBytes) => {
  expect(() => parseHeader(Buffer.from(JSON.stringify(header)), dataBytes, "it")).toThrow("is not a safetensors file");
});

test("a length that claims more than the cap or the file is refused", async () => {
  expect(() => headerLength(Buffer.from("ffffffffffffffff", "hex"), "it")).toThrow("at most");
  const path = join(folder, "short");
  await writeFile(path, Buffer.from("ff00000000000000", "hex"));
  await expect(SafetensorsFile.open(path)).rejects.toThrow("claims 255 bytes");
  await writeFile(path, "1234");
  await expect(SafetensorsFile.open(path)).rejects.toMatchObject({ code: "backend/safetensors-malformed" });
  await expect(SafetensorsFile.open(join(folder, "absent"))).rejects.toMatchObject({ code: "backend/file-unreadable" });
});

test("a tensor that is missing or of another dtype is refused by name", async () => {
  const path = join(folder, "f64");
  const header = encodeHeader({
    tensors: new Map([["w", { dtype: "F64", shape: [1], begin: 0, end: 8 }]]),
    metadata: {},
  });
  await writeFile(path, Buffer.concat([header, Buffer.alloc(8)]));
  await using file = await SafetensorsFile.open(path);
  await expect(file.read("w")).rejects.toThrow('tensor "w" is F64');
  await expect(file.read("v")).rejects.toThrow('no tensor "v"');
});
