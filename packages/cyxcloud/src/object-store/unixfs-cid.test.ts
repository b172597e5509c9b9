import { createCipheriv, createHash } from "node:crypto";
import { expect, test } from "vitest";
import { unixfsCid } from "./unixfs-cid.ts";

const MIB: number = 1024 * 1024;

async function* cut(bytes: Uint8Array, pieceBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

/** The bytes of the published fixtures: the ChaCha20 key stream of SHA-256(seed), counter and nonce zero. */
function fixture(sizeBytes: number, seed: string): Uint8Array {
  const key = createHash("sha256").update(seed).digest();
  return createCipheriv("chacha20", key, Buffer.alloc(16)).update(Buffer.alloc(sizeBytes));
}

// The fixtures of IPIP-499 for unixfs-v1-2025 (kubo, test/cli/cid_profiles_test.go).
test.each([
  ["hello world", Buffer.from("hello world"), "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"],
  ["1 MiB", fixture(MIB, "chunk-v1-seed"), "bafkreiacndfy443ter6qr2tmbbdhadvxxheowwf75s6zehscklu6ezxmta"],
  [
    "1 MiB and a byte",
    fixture(MIB + 1, "chunk-v1-seed"),
    "bafybeigmix7t42i6jacydtquhet7srwvgpizfg7gjbq7627d35mjomtu64",
  ],
])("the published fixture of %s has its published id, however the stream is cut", async (_name, bytes, cid) => {
  expect(await unixfsCid(cut(bytes, 4 * MIB))).toEqual({ cid, sizeBytes: bytes.byteLength });
  expect(await unixfsCid(cut(bytes, 65_521))).toEqual({ cid, sizeBytes: bytes.byteLength });
});

test("the root of three leaves is the dag-pb node written by hand from the specification", async () => {
  const bytes = fixture(2 * MIB + 5, "three leaves");
  expect((await unixfsCid(cut(bytes, MIB))).cid).toBe(rootByHand(bytes));
});

/** dag-pb (links first) over UnixFS `File`, with raw leaves: no code of the library under test. */
function rootByHand(bytes: Uint8Array): string {
  const leaves = Array.from({ length: Math.ceil(bytes.byteLength / MIB) }, (_, i) =>
    bytes.subarray(i * MIB, (i + 1) * MIB),
  );
  const links = leaves.map((leaf) => {
    const cid = Buffer.concat([Buffer.from([1, 0x55, 0x12, 32]), createHash("sha256").update(leaf).digest()]);
    return field(2, Buffer.concat([field(1, cid), field(2, Buffer.alloc(0)), number(3, leaf.byteLength)]));
  });
  const file = [number(1, 2), number(3, bytes.byteLength), ...leaves.map((leaf) => number(4, leaf.byteLength))];
  const node = Buffer.concat([...links, field(1, Buffer.concat(file))]);
  return `b${base32(Buffer.concat([Buffer.from([1, 0x70, 0x12, 32]), createHash("sha256").update(node).digest()]))}`;
}

function field(id: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([varint((id << 3) | 2), varint(bytes.byteLength), bytes]);
}

function number(id: number, value: number): Buffer {
  return Buffer.concat([varint(id << 3), varint(value)]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return Buffer.from([...bytes, value]);
}

function base32(bytes: Uint8Array): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  const groups = bits.match(/.{1,5}/g) ?? [];
  return groups.map((group) => "abcdefghijklmnopqrstuvwxyz234567"[Number.parseInt(group.padEnd(5, "0"), 2)]).join("");
}
