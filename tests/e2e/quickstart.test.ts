/**
 * The README's first command, as a person runs it: real processes, a real database, real sockets, real training. The model
 * that comes out is then opened in another tool, the WebAssembly build of ONNX Runtime, on the held-out digits.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadData, parseDataSpec } from "@cyxwiz/backend";
import { parseAmount } from "@cyxwiz/primitives";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as ort from "onnxruntime-web";

interface Result {
  readonly testAccuracy: number;
  readonly jobId: string;
  readonly node: string;
  readonly verification: { readonly verdict: string };
  readonly paid: {
    readonly quoted: string;
    readonly owner: string;
    readonly platform: string;
    readonly refunded: string;
  };
  readonly files: { readonly onnx: string; readonly weights: string };
  readonly seconds: { readonly total: number };
}

const ROOT = join(import.meta.dirname, "..", "..");
const state = { folder: "", result: undefined as Result | undefined, progress: "" };

async function runQuickstart(out: string): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(
    process.execPath,
    [join(ROOT, "apps/cli/src/main.ts"), "quickstart", "--json", "--seed", "7", "--out", out],
    {
      cwd: ROOT,
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  const output = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output.stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (output.stderr += text));
  const code = await new Promise<number | null>((resolve) => {
    child.once("exit", resolve);
  });
  return { code, ...output };
}

describe("npm run quickstart", () => {
  beforeAll(async () => {
    state.folder = await mkdtemp(join(tmpdir(), "cyxwiz-e2e-"));
    const run = await runQuickstart(state.folder);
    state.progress = run.stderr;
    expect(run.code, run.stderr).toBe(0);
    state.result = JSON.parse(run.stdout.trimEnd().split("\n").at(-1) ?? "") as Result;
  }, 180_000);

  afterAll(async () => {
    await rm(state.folder, { recursive: true, force: true });
  });

  test("trains to at least 97 % on held-out digits and leaves both files", () => {
    expect(state.result?.testAccuracy).toBeGreaterThanOrEqual(0.97);
    expect(existsSync(state.result?.files.onnx ?? "")).toBe(true);
    expect(existsSync(state.result?.files.weights ?? "")).toBe(true);
  });

  test("pays owner and platform 90/10 and gives the rest back, adding up to the quote", () => {
    const paid = state.result?.paid ?? { quoted: "", owner: "", platform: "", refunded: "" };
    const [quoted, owner, platform, refunded] = [paid.quoted, paid.owner, paid.platform, paid.refunded].map(
      parseAmount,
    );
    expect((owner ?? 0n) + (platform ?? 0n) + (refunded ?? 0n)).toBe(quoted);
    expect(platform).toBe(((owner ?? 0n) + (platform ?? 0n)) / 10n);
    expect(owner).toBeGreaterThan(0n);
  });

  test("says why the node won, that the money is simulated and that the work is unverified", () => {
    expect(state.progress).toContain("Why this node");
    expect(state.progress).toContain("simulated");
    expect(state.progress).toContain("unverified");
    expect(state.result?.verification.verdict).toBe("unverified");
  });

  test("the ONNX file gives the claimed accuracy in another tool", async () => {
    const { test: held } = await loadData(parseDataSpec("mnist"));
    const digits = held as unknown as { x: Uint8Array | Float32Array; y: BigInt64Array; count: number };
    const session = await ort.InferenceSession.create(await readFile(state.result?.files.onnx ?? ""));
    const pixels = Float32Array.from(digits.x, (value) => (digits.x instanceof Uint8Array ? value / 255 : value));
    const count = digits.y.length;
    const input = new ort.Tensor("float32", pixels, [count, 1, 28, 28]);
    const outputs = await session.run({ input });
    const scores = outputs["output"]?.data as Float32Array;
    let right = 0;
    for (let i = 0; i < count; i++) {
      const row = scores.subarray(i * 10, i * 10 + 10);
      if (row.indexOf(Math.max(...row)) === Number(digits.y[i])) right++;
    }
    expect(right / count).toBeCloseTo(state.result?.testAccuracy ?? 0, 3);
  });
});
