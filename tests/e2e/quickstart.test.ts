/**
 * The README's first command, as a person runs it: real processes, a real database, real sockets, real training. The model
 * that comes out is then opened in another tool, the WebAssembly build of ONNX Runtime, on the held-out digits.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
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
  readonly verification: {
    readonly verdict: string;
    readonly interval: { readonly from: number; readonly to: number };
    readonly verifier: string;
    readonly paid: string;
  };
  readonly paid: {
    readonly quoted: string;
    readonly owner: string;
    readonly platform: string;
    readonly refunded: string;
  };
  readonly files: { readonly onnx: string; readonly weights: string; readonly receipt: string };
  readonly seconds: { readonly total: number };
}

const ROOT = join(import.meta.dirname, "..", "..");
const state = { folder: "", result: undefined as Result | undefined, progress: "" };

const NOT_VERIFIED = { verdict: "none", interval: { from: 0, to: 0 }, verifier: "", paid: "0" };

/** `cyxwiz` with a home of its own, so that no key of this computer's user helps it. */
async function runCli(args: readonly string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [join(ROOT, "apps/cli/src/main.ts"), ...args], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, CYXWIZ_HOME: join(state.folder, "home") },
  });
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
    const run = await runCli(["quickstart", "--json", "--seed", "7", "--out", state.folder]);
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

  test("says why the node won and that the money is simulated", () => {
    expect(state.progress).toContain("Why this node");
    expect(state.progress).toContain("simulated");
  });

  test("has a piece of the work run again by another node, which is paid out of the platform's part", () => {
    const { verdict, interval, verifier, paid } = state.result?.verification ?? NOT_VERIFIED;
    expect(verdict).toBe("verified");
    expect(interval.to).toBeGreaterThan(interval.from);
    expect(verifier).not.toBe(state.result?.node);
    expect(parseAmount(paid)).toBeGreaterThan(0n);
    expect(parseAmount(paid)).toBeLessThan(parseAmount(state.result?.paid.platform ?? "0"));
  });

  test("leaves a receipt that is checked, and its steps run again, when the market is gone", async () => {
    const receipt = state.result?.files.receipt ?? "";
    const checked = await runCli(["receipt", "verify", receipt, "--rerun", "--json"]);
    expect(checked.code, checked.stderr).toBe(0);
    const forged = join(state.folder, "forged.json");
    await writeFile(forged, (await readFile(receipt, "utf8")).replace('"verified"', '"plausible"'));
    const refused = await runCli(["receipt", "verify", forged, "--json"]);
    expect(refused.code).not.toBe(0);
    expect(refused.stdout + refused.stderr).toContain("receipt/");
  }, 60_000);

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
