import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Job } from "@cyxwiz/protocol/rest";
import { expect, test } from "vitest";
import { JOB_ID, sampleJob, settledJob, startTestMarket, type Answer } from "../client/market.fixture.ts";
import { CLI_ERRORS } from "../errors.ts";
import { createTestCli, type Ran } from "../cli.fixture.ts";

const BYTES = Buffer.from("the bytes of a model");
const SHA256 = createHash("sha256").update(BYTES).digest("hex");
const file = (sha256: string): Job["files"]["onnx"] => ({ cid: `b${"a".repeat(58)}`, size_bytes: 20, sha256 });

interface Downloaded extends Ran {
  readonly folder: string;
  readonly left: string[];
  content(name: string): Promise<Buffer>;
}

/** Downloads from a market that has `job` and answers requests for its model with `model`. */
async function download(job: Job, model: Answer, args: string[] = []): Promise<Downloaded & AsyncDisposable> {
  await using market = await startTestMarket({
    [`GET /api/jobs/${JOB_ID}`]: { json: job },
    [`GET /api/jobs/${JOB_ID}/model`]: model,
  });
  const cli = await createTestCli({ signedInTo: market.url });
  const folder = join(cli.home, "models");
  const ran = await cli.cyxwiz(["models", "download", JOB_ID, "--out", folder, ...args]);
  return {
    ...ran,
    folder,
    left: await readdir(folder),
    content: (name) => readFile(join(folder, name)),
    [Symbol.asyncDispose]: () => cli[Symbol.asyncDispose](),
  };
}

test("every file of the job arrives under the job's name, with nothing beside it", async () => {
  const job = settledJob({ name: "Digits / CNN!", files: { onnx: file(SHA256), weights: file(SHA256) } });
  await using ran = await download(job, { bytes: BYTES });
  expect(ran.code).toBe(0);
  expect(ran.left).toEqual(["digits-cnn-4a1c6a0e.onnx", "digits-cnn-4a1c6a0e.safetensors"]);
  expect(ran.out).toBe(ran.left.map((name) => `${join(ran.folder, name)}\n`).join(""));
  expect(await ran.content("digits-cnn-4a1c6a0e.onnx")).toEqual(BYTES);
});

test("--format takes one file of two", async () => {
  const job = settledJob({ files: { onnx: file(SHA256), weights: file(SHA256) } });
  await using ran = await download(job, { bytes: BYTES }, ["--format", "safetensors", "--json"]);
  expect(ran.left).toEqual(["digits-cnn-4a1c6a0e.safetensors"]);
  expect(JSON.parse(ran.out)).toEqual({ job_id: JOB_ID, files: [join(ran.folder, ran.left[0] ?? "")] });
});

test("a file with another SHA-256 is removed and named, with both sums", async () => {
  const job = settledJob({ files: { onnx: file("0".repeat(64)), weights: null } });
  await using ran = await download(job, { bytes: BYTES }, ["--json"]);
  expect(ran.code).toBe(1);
  expect(ran.left).toEqual([]);
  expect(ran.err).toContain(`arrived with SHA-256 ${SHA256} instead of ${"0".repeat(64)}; it was removed`);
  expect(JSON.parse(ran.out)).toMatchObject({ code: CLI_ERRORS.DOWNLOAD_CORRUPT.code });
});

test("a download that breaks off leaves nothing and says so", async () => {
  const job = settledJob({ files: { onnx: file(SHA256), weights: null } });
  const breakOff: Answer = (response) => {
    response.writeHead(200, { "content-length": "1000" });
    response.write(BYTES, () => response.socket?.destroy());
  };
  await using ran = await download(job, breakOff, ["--json"]);
  expect(ran.code).toBe(4);
  expect(ran.left).toEqual([]);
  expect(JSON.parse(ran.out)).toMatchObject({ code: CLI_ERRORS.DOWNLOAD_CUT.code });
  expect(ran.err).not.toContain("    at ");
});

test("a job without a model says in which state it is", async () => {
  await using ran = await download(sampleJob(), { bytes: BYTES }, ["--json"]);
  expect(ran.code).toBe(1);
  expect(JSON.parse(ran.out)).toEqual({
    error: `job ${JOB_ID} is RUNNING and has no model to download`,
    code: CLI_ERRORS.MODEL_ABSENT.code,
  });
});
