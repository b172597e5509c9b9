import { expect, test } from "vitest";
import { formatBytes, formatCount, formatDuration } from "./format.ts";
import { lossCurve } from "./loss-curve.ts";
import { formatTable } from "./table.ts";

test("a loss curve falls from its top left to its bottom right", () => {
  const points = Array.from({ length: 200 }, (_, step) => ({ step: step + 1, value: 2 * Math.exp(-step / 40) }));
  const lines = lossCurve(points, { width: 60, height: 6, title: "loss" }).split("\n");
  expect(lines[0]).toBe("loss over 200 steps");
  const firstInk = (line: string): number => Array.from(line.slice(9)).findIndex((char) => char !== "\u2800");
  expect(firstInk(lines[1] as string)).toBe(0);
  expect(firstInk(lines[6] as string)).toBeGreaterThan(15);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(60);
});

test("a loss curve of nothing, of one point and of NaN says so instead of drawing", () => {
  for (const points of [
    [],
    [{ step: 1, value: 1 }],
    [
      { step: 1, value: NaN },
      { step: 2, value: NaN },
    ],
  ]) {
    expect(lossCurve(points, { width: 60, height: 6, title: "loss" })).toContain("too few points");
  }
});

test("tables line up, numbers to the right", () => {
  const table = formatTable(
    [
      { title: "name", value: (row: { name: string; n: number }) => row.name },
      { title: "n", align: "right", value: (row) => String(row.n) },
    ],
    [
      { name: "alpha", n: 5 },
      { name: "b", n: 1234 },
    ],
  );
  expect(table).toBe(["name      n", "alpha     5", "b      1234"].join("\n"));
});

test.each([
  [formatDuration(3.24), "3.2 s"],
  [formatDuration(75), "75 s"],
  [formatDuration(3600), "60 min"],
  [formatDuration(7500), "2 h 5 min"],
  [formatDuration(Infinity), "unknown"],
  [formatBytes(999), "999 B"],
  [formatBytes(7_840_000), "7.8 MB"],
  [formatCount(12_345), "12.3k"],
])("%s is shown as %s", (actual, expected) => {
  expect(actual).toBe(expected);
});
