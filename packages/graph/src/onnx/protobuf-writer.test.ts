import { expect, test } from "vitest";
import { ProtobufWriter } from "./protobuf-writer.ts";

function written(write: (writer: ProtobufWriter) => void): string {
  const writer = new ProtobufWriter();
  write(writer);
  return Buffer.from(writer.finish()).toString("hex");
}

test("integers are varints: one byte below 128, ten for a negative number", () => {
  expect(written((writer) => writer.int(1, 127))).toBe("087f");
  expect(written((writer) => writer.int(1, 150))).toBe("089601");
  expect(written((writer) => writer.int(16, 1))).toBe("800101");
  expect(written((writer) => writer.int(1, -1))).toBe("08ffffffffffffffffff01");
  expect(written((writer) => writer.int(1, 2 ** 40))).toBe("08808080808020");
});

test("an integer that a varint cannot hold is refused as a bug", () => {
  expect(() => written((writer) => writer.int(1, 0.5))).toThrow("0.5 is an integer");
});

test("floats are four little-endian bytes", () => {
  expect(written((writer) => writer.float(2, 1))).toBe("150000803f");
});

test("a nested message carries its length before its fields", () => {
  const hex = written((writer) =>
    writer.message(3, (outer) => {
      outer.int(1, 150);
      outer.message(2, (inner) => inner.string(1, "ab"));
    }),
  );
  expect(hex).toBe("1a0908960112040a026162");
});

test.each(["plain", "Größe", "畳み込み", "🧠 net", "half \ud83e of a pair"])("%j is written as UTF-8", (text) => {
  const expected = Buffer.from(text, "utf8");
  expect(written((writer) => writer.string(1, text))).toBe(
    Buffer.concat([Buffer.from([0x0a, expected.length]), expected]).toString("hex"),
  );
});
