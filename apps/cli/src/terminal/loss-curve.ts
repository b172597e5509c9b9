/**
 * A small line chart in text: the loss over the steps, drawn with braille dots (2 × 4 to a character).
 *
 * Shapes: points are [step, value] in any order; the answer has `height` + 2 lines of at most `width` characters.
 */
export interface CurvePoint {
  readonly step: number;
  readonly value: number;
}

const DOTS = [
  [0x01, 0x02, 0x04, 0x40],
  [0x08, 0x10, 0x20, 0x80],
] as const;
const AXIS_WIDTH = 8;

export function lossCurve(
  points: readonly CurvePoint[],
  options: { width: number; height: number; title: string },
): string {
  const finite = points.filter((point) => Number.isFinite(point.value));
  if (finite.length < 2) return `${options.title}: too few points to draw`;
  const columns = Math.max(10, options.width - AXIS_WIDTH - 1);
  const values = bucketMeans(finite, columns * 2);
  const top = Math.max(...values.filter((value) => value !== undefined));
  const bottom = Math.min(...values.filter((value) => value !== undefined));
  const span = top - bottom || 1;
  const grid = Array.from({ length: options.height }, () => Array.from({ length: columns }, () => 0));
  const dotRows = options.height * 4;
  values.forEach((value, x) => {
    if (value === undefined) return;
    const y = Math.min(dotRows - 1, Math.round(((top - value) / span) * (dotRows - 1)));
    const line = grid[y >> 2];
    const cell = x >> 1;
    if (line) line[cell] = (line[cell] ?? 0) | (DOTS[(x & 1) as 0 | 1][(y & 3) as 0 | 1 | 2 | 3] ?? 0);
  });
  const label = (row: number): string => {
    const value = row === 0 ? top : row === options.height - 1 ? bottom : undefined;
    return (value === undefined ? "" : value.toPrecision(3)).padStart(AXIS_WIDTH - 1);
  };
  const body = grid.map(
    (line, row) => `${label(row)} ┤${line.map((dots) => String.fromCodePoint(0x2800 + dots)).join("")}`,
  );
  const last = finite.reduce((max, point) => Math.max(max, point.step), 0);
  const footer = `${" ".repeat(AXIS_WIDTH)}└${"─".repeat(columns)}`;
  return [`${options.title} over ${last} steps`, ...body, footer].join("\n");
}

/** Mean of each of `count` equal step ranges; gaps take the value before them. */
function bucketMeans(points: readonly CurvePoint[], count: number): (number | undefined)[] {
  const first = Math.min(...points.map((point) => point.step));
  const last = Math.max(...points.map((point) => point.step));
  const sums = Array.from({ length: count }, () => ({ total: 0, count: 0 }));
  for (const point of points) {
    const index = Math.min(count - 1, Math.floor(((point.step - first) / (last - first || 1)) * count));
    const bucket = sums[index];
    if (bucket) {
      bucket.total += point.value;
      bucket.count++;
    }
  }
  let previous: number | undefined;
  return sums.map((bucket) => (previous = bucket.count > 0 ? bucket.total / bucket.count : previous));
}
