import { createHash } from "node:crypto";
import { mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ReceiptBody, SignedReceipt } from "@cyxwiz/receipt";
import { expect, test } from "vitest";
import { createTestCli, type TestCli } from "../cli.fixture.ts";
import { JOB_ID, refusal, startTestMarket, type TestMarket } from "../client/market.fixture.ts";
import { CLI_ERRORS } from "../errors.ts";
import {
  CHAIN,
  createIssuer,
  NETWORK,
  sampleReceipt,
  trainFlowers,
  type TestIssuer,
} from "../receipts/receipt.fixture.ts";
import { thisMachine } from "../receipts/rerun-machine.ts";

/** A market that has this receipt and publishes its key. */
async function marketWith(issuer: TestIssuer, signed: SignedReceipt): Promise<TestMarket> {
  return await startTestMarket({
    "GET /api/receipts/keys": { json: issuer.keys },
    [`GET /api/jobs/${JOB_ID}/receipt`]: { json: signed },
  });
}

/** A receipt in the home of a user who trusts its market. */
async function trusted(body: ReceiptBody, tamper = (signed: SignedReceipt): unknown => signed): Promise<Trusted> {
  const issuer = createIssuer();
  const cli = await createTestCli();
  const path = join(cli.home, "receipt.json");
  await writeFile(path, JSON.stringify(tamper(issuer.issue(body))));
  await writeFile(join(cli.home, "keys.json"), JSON.stringify({ keys: issuer.keys.keys }));
  return { cli, path, issuer, [Symbol.asyncDispose]: () => cli[Symbol.asyncDispose]() };
}

interface Trusted extends AsyncDisposable {
  readonly cli: TestCli;
  readonly path: string;
  readonly issuer: TestIssuer;
}

test("a receipt is fetched, saved, and can then be checked offline, although nothing was said about its key", async () => {
  const issuer = createIssuer();
  await using market = await marketWith(issuer, issuer.issue(sampleReceipt()));
  await using cli = await createTestCli({ signedInTo: market.url });
  const path = join(cli.home, "out", "r.json");
  const got = await cli.cyxwiz(["receipt", "get", JOB_ID, "--out", path]);
  expect(got.code, got.err).toBe(0);
  expect(got.err).toContain(`Remembered key ${issuer.keys.keys[0]?.key_id} of ${NETWORK}`);
  expect(got.out).toContain("Verdict: verified. Steps 21–40 were run again by the platform, bit-equal.");
  await market[Symbol.asyncDispose]();
  expect(await cli.cyxwiz(["receipt", "verify", path])).toMatchObject({ code: 0, err: "" });
});

test("a receipt shows what, by whom, how it was checked and who was paid, in 80 columns", async () => {
  await using given = await trusted(sampleReceipt());
  const { code, out } = await given.cli.cyxwiz(["receipt", "verify", given.path]);
  expect(code).toBe(0);
  const own = out.slice(0, out.indexOf("Its files in"));
  expect(Math.max(...own.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
  for (const line of [
    `Receipt of job ${JOB_ID}`,
    "  issued        2026-01-01 10:01:05 UTC by ledger-3f9a0c21",
    `  signature     right, with key ${given.issuer.keys.keys[0]?.key_id}`,
    "  steps         60 of 60",
    "  steps 1–60    node 0b6b1c9e-1111-5222-8333-9c4d5e6f7a80, 4 threads",
    "                onnx-cpu-1, ort-node-1.30.0, x64-avx512",
    "  drawn         steps 21–40, after everything was committed",
    "                agrees, bit-equal; paid 0.004 CYXWIZ",
    "  quoted        2.5 CYXWIZ, of which 2.5 were due",
    "  platform      0.25, of it 0.004 to those who ran it again",
    "Verdict: verified. Steps 21–40 were run again by the platform, bit-equal.",
  ]) {
    expect(out.split("\n")).toContain(line);
  }
});

test("with --json a receipt is one object with its key and its body", async () => {
  await using given = await trusted(sampleReceipt());
  const { out } = await given.cli.cyxwiz(["receipt", "verify", given.path, "--json"]);
  expect(JSON.parse(out)).toMatchObject({
    valid: true,
    key_id: given.issuer.keys.keys[0]?.key_id,
    rerun: null,
    receipt: { job_id: JOB_ID, verification: { verdict: "verified" } },
  });
});

test("the models beside a receipt are recognised by their content, and others are not", async () => {
  const [onnx, weights] = [Buffer.from("a model"), Buffer.from("weights")];
  const artifact = (bytes: Buffer): NonNullable<ReceiptBody["result"]["onnx"]> => {
    const sum = createHash("sha256").update(bytes).digest("hex");
    return { cid: `b${"a".repeat(58)}`, sha256: sum, size_bytes: bytes.length };
  };
  const result = { onnx: artifact(onnx), weights: artifact(weights) };
  const chain = CHAIN.map((entry) =>
    entry.kind === "result"
      ? { ...entry, onnx_sha256: result.onnx.sha256, weights_sha256: result.weights.sha256 }
      : entry,
  );
  await using given = await trusted(sampleReceipt({ chain, result }));
  await writeFile(join(given.cli.home, "any.onnx"), onnx);
  await writeFile(join(given.cli.home, "any.safetensors"), "Weights");
  const { code, out } = await given.cli.cyxwiz(["receipt", "verify", given.path]);
  expect(code).toBe(0);
  expect(out).toContain(`Its files in ${given.cli.home}\n  ONNX          any.onnx\n  weights       no file here`);
  expect(out).toContain("\nWarning: not what this receipt speaks of: any.safetensors\n");
  const filesOf = async (): Promise<unknown> =>
    (JSON.parse((await given.cli.cyxwiz(["receipt", "verify", given.path, "--json"])).out) as { files: unknown }).files;
  const [own, other] = [join(given.cli.home, "any.onnx"), join(given.cli.home, "any.safetensors")];
  expect(await filesOf()).toEqual({ onnx: own, weights: null, others: [other] });
  await writeFile(join(given.cli.home, "right.safetensors"), weights);
  expect(await filesOf()).toMatchObject({ weights: join(given.cli.home, "right.safetensors"), others: [] });
  await Promise.all(["1", "2", "3", "4", "5"].map((name) => writeFile(join(given.cli.home, `${name}.ONNX`), name)));
  await writeFile(own, "b model");
  const swapped = await given.cli.cyxwiz(["receipt", "verify", given.path]);
  expect(swapped.code).toBe(0);
  expect(swapped.out).toContain("speaks of: 1.ONNX, 2.ONNX, 3.ONNX, 4.ONNX, 5.ONNX and 1 more\n");
});

test("names in a receipt cannot steer the terminal", async () => {
  await using given = await trusted(sampleReceipt({ name: "\u001B[2Jgone" }));
  expect((await given.cli.cyxwiz(["receipt", "verify", given.path], { env: { FORCE_COLOR: "1" } })).out).toContain(
    "�[2Jgone",
  );
});

const cut = (chain: ReceiptBody["chain"], at: number): ReceiptBody["chain"] => chain.filter((_, index) => index !== at);
test.each<[string, string, Partial<ReceiptBody>, (signed: SignedReceipt) => unknown]>([
  ["another sum", "receipt/signature-mismatch", {}, (signed) => edited(signed, { name: "Better CNN" })],
  ["no signature", "receipt/malformed", {}, ({ receipt }) => ({ receipt })],
  ["a missing checkpoint", "receipt/chain-gap", { chain: cut(CHAIN, 3) }, (signed) => signed],
  ["another network's name", "receipt/network-mismatch", { network: "ledger-00000000" }, (signed) => signed],
  ["a verdict from nowhere", "receipt/verdict-mismatch", { verification: unchecked("verified") }, (signed) => signed],
])("a receipt with %s is refused as %s, with exit code 1", async (_what, code, different, tamper) => {
  await using given = await trusted(sampleReceipt(different), tamper);
  const ran = await given.cli.cyxwiz(["receipt", "verify", given.path, "--json"]);
  expect(ran.code).toBe(1);
  expect(JSON.parse(ran.out)).toMatchObject({ code });
  expect(ran.err).not.toContain("    at ");
});

function edited(signed: SignedReceipt, different: Partial<ReceiptBody>): SignedReceipt {
  return { ...signed, receipt: { ...signed.receipt, ...different } };
}

function unchecked(verdict: "verified" | "unverified"): ReceiptBody["verification"] {
  return { verdict, interval: null, reruns: [], paid: "0" };
}

test("a receipt whose root is not that of its chain is refused although its market signed it", async () => {
  const issuer = createIssuer();
  await using market = await marketWith(issuer, issuer.issue(sampleReceipt(), { root: "f".repeat(64) }));
  await using cli = await createTestCli({ signedInTo: market.url });
  const out = join(cli.home, "r.json");
  const ran = await cli.cyxwiz(["receipt", "get", JOB_ID, "--out", out, "--json"]);
  expect(JSON.parse(ran.out)).toMatchObject({ code: "receipt/chain-mismatch" });
  await expect(stat(out)).rejects.toThrow("ENOENT");
  await expect(stat(join(cli.home, "keys.json"))).rejects.toThrow("ENOENT");
});

test("a market that gives another job's receipt is not believed", async () => {
  const issuer = createIssuer();
  const other = "4a1c6a0e-35b2-4b6f-9b53-6d6d0f3f9a99";
  const chain = CHAIN.map((entry) => (entry.kind === "run" ? { ...entry, job_id: other } : entry));
  await using market = await marketWith(issuer, issuer.issue(sampleReceipt({ job_id: other, chain })));
  await using cli = await createTestCli({ signedInTo: market.url });
  const ran = await cli.cyxwiz(["receipt", "get", JOB_ID, "--out", join(cli.home, "r.json"), "--json"]);
  expect(JSON.parse(ran.out)).toMatchObject({ code: CLI_ERRORS.RECEIPT_MISMATCH.code });
});

test("a market that bears a known market's name with another key gives no receipt, and how to believe it is said", async () => {
  await using given = await trusted(sampleReceipt());
  const impostor = createIssuer();
  await using market = await marketWith(impostor, impostor.issue(sampleReceipt()));
  const out = join(given.cli.home, "r.json");
  const env = { CYXWIZ_URL: market.url, CYXWIZ_TOKEN: "some" };
  const ran = await given.cli.cyxwiz(["receipt", "get", JOB_ID, "--out", out, "--json"], { env });
  expect(JSON.parse(ran.out)).toMatchObject({ code: CLI_ERRORS.KEY_CONFLICT.code });
  expect(ran.err).toContain(`cyxwiz receipt trust ${market.url} --replace`);
  await expect(stat(out)).rejects.toThrow("ENOENT");
});

test("a job without a receipt is refused in the market's words", async () => {
  const issuer = createIssuer();
  await using market = await startTestMarket({
    "GET /api/receipts/keys": { json: issuer.keys },
    [`GET /api/jobs/${JOB_ID}/receipt`]: { status: 404, json: refusal("NOT_FOUND", "the job is RUNNING") },
  });
  await using cli = await createTestCli({ signedInTo: market.url });
  const { code, err } = await cli.cyxwiz(["receipt", "get", JOB_ID]);
  expect({ code, err }).toEqual({ code: 3, err: "cyxwiz: the job is RUNNING\n" });
});

test("an unknown key is refused with the way to get it; --key takes an address, a key list or a PEM file", async () => {
  const issuer = createIssuer();
  await using market = await marketWith(issuer, issuer.issue(sampleReceipt()));
  await using cli = await createTestCli();
  const path = join(cli.home, "receipt.json");
  await writeFile(path, JSON.stringify(issuer.issue(sampleReceipt())));
  const verify = async (...more: string[]): Promise<number> =>
    (await cli.cyxwiz(["receipt", "verify", path, ...more])).code;
  const unknown = await cli.cyxwiz(["receipt", "verify", path, "--json"]);
  expect(JSON.parse(unknown.out)).toMatchObject({ code: "receipt/key-unknown" });
  expect(unknown.err).toContain("cyxwiz receipt trust URL");
  const [list, pem] = [join(cli.home, "list.json"), join(cli.home, "key.pem")];
  await writeFile(list, JSON.stringify(issuer.keys));
  await writeFile(pem, issuer.keys.keys[0]?.public_key ?? "");
  expect(await verify("--key", market.url)).toBe(0);
  expect(await verify("--key", list)).toBe(0);
  expect(await verify("--key", pem)).toBe(0);
  const other = createIssuer();
  await writeFile(pem, other.keys.keys[0]?.public_key ?? "");
  expect(await verify("--key", pem)).toBe(1);
  expect(await verify("--key", pem, "--key", list)).toBe(0);
  expect(await verify()).toBe(1);
});

test("what is no key is named: text, a private key, another id, an empty list, a missing file", async () => {
  const issuer = createIssuer();
  await using given = await trusted(sampleReceipt());
  const path = join(given.cli.home, "key");
  const wrongId = { ...issuer.keys, keys: issuer.keys.keys.map((key) => ({ ...key, key_id: "0".repeat(16) })) };
  for (const text of [
    "hello",
    "-----BEGIN NOTHING-----",
    JSON.stringify(wrongId),
    JSON.stringify({ ...issuer.keys, keys: [] }),
    JSON.stringify({ ...issuer.keys, network: "another" }),
  ]) {
    await writeFile(path, text);
    const { code, out } = await given.cli.cyxwiz(["receipt", "verify", given.path, "--key", path, "--json"]);
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({ code: CLI_ERRORS.KEY_MALFORMED.code });
  }
  const missing = await given.cli.cyxwiz(["receipt", "verify", given.path, "--key", `${path}-absent`, "--json"]);
  expect(JSON.parse(missing.out)).toMatchObject({ code: CLI_ERRORS.FILE_UNREADABLE.code });
});

test("a file that is no receipt, and one that is not there, are named", async () => {
  await using given = await trusted(sampleReceipt(), () => ({ hello: 1 }));
  const codeOf = async (path: string): Promise<unknown> =>
    (JSON.parse((await given.cli.cyxwiz(["receipt", "verify", path, "--json"])).out) as { code: string }).code;
  expect(await codeOf(given.path)).toBe("receipt/malformed");
  expect(await codeOf(`${given.path}-absent`)).toBe(CLI_ERRORS.FILE_UNREADABLE.code);
  expect(await codeOf(given.cli.home)).toBe(CLI_ERRORS.FILE_UNREADABLE.code);
});

test("trusting a market shows its fingerprint; a second market of its name is refused until it is said twice", async () => {
  const [first, second] = [createIssuer(), createIssuer()];
  await using real = await marketWith(first, first.issue(sampleReceipt()));
  await using impostor = await marketWith(second, second.issue(sampleReceipt()));
  await using cli = await createTestCli();
  const trust = async (url: string, ...more: string[]): ReturnType<TestCli["cyxwiz"]> =>
    await cli.cyxwiz(["receipt", "trust", url, ...more]);
  const id = first.keys.keys[0]?.key_id;
  expect((await trust(real.url)).out).toMatch(new RegExp(`from now on: ${NETWORK}\n  key ${id}\n      SHA-256 ${id}`));
  expect((await trust(real.url)).out).toContain("was trusted already");
  const refused = await trust(impostor.url, "--json");
  expect(refused.code).toBe(1);
  expect(JSON.parse(refused.out)).toMatchObject({ code: CLI_ERRORS.KEY_CONFLICT.code });
  expect((await trust(impostor.url, "--replace")).code).toBe(0);
  const saved = JSON.parse(await readFile(join(cli.home, "keys.json"), "utf8")) as unknown;
  expect(saved).toEqual({ keys: second.keys.keys });
});

test("the drawn steps and all steps of a job are run again from files found by content, and are bit-equal", async () => {
  await using job = await trainFlowers();
  await using given = await trusted(job.receipt);
  for (const [scope, said, compared] of [
    ["interval", "steps 5–8", 2],
    ["all", "steps 1–12", 6],
  ] as const) {
    const args = ["receipt", "verify", given.path, "--rerun", scope, "--files", job.folder];
    const { code, out, err } = await given.cli.cyxwiz(args);
    expect(code, err).toBe(0);
    expect(out).toContain(`Re-run: ${said} on this machine`);
    expect(out).toContain(`bit-equal: all ${compared} hashes`);
  }
}, 60_000);

test("a re-run that gives other bits is exit code 1 and names the first state that differs", async () => {
  await using job = await trainFlowers();
  const chain = job.receipt.chain.map((entry) =>
    entry.kind === "checkpoint" && entry.step === 8 ? { ...entry, sha256: "9".repeat(64) } : entry,
  );
  await using given = await trusted({ ...job.receipt, chain });
  for (const scope of ["interval", "all"]) {
    const args = ["receipt", "verify", given.path, "--rerun", scope, "--files", job.folder, "--json"];
    const { code, out } = await given.cli.cyxwiz(args);
    expect(code).toBe(1);
    const [report, error] = out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as unknown);
    expect(report).toMatchObject({ rerun: { outcome: "disagrees", differing: ["the state at step 8"] } });
    expect(error).toMatchObject({ code: CLI_ERRORS.RERUN_DIFFERS.code });
  }
}, 60_000);

test("on another class the interval is compared by its distance, and all steps cannot be", async () => {
  await using job = await trainFlowers();
  const chain = job.receipt.chain.map((entry) =>
    entry.kind === "segment" ? { ...entry, hardware_class: "arm64-elsewhere" } : entry,
  );
  await using given = await trusted({ ...job.receipt, chain });
  const args = ["receipt", "verify", given.path, "--files", job.folder, "--json", "--rerun"];
  const near = await given.cli.cyxwiz(args);
  expect(near.code, near.err).toBe(0);
  expect(JSON.parse(near.out)).toMatchObject({ rerun: { outcome: "plausible", distance: 0 } });
  const all = await given.cli.cyxwiz([...args, "all"]);
  expect(JSON.parse(all.out)).toMatchObject({ code: CLI_ERRORS.RERUN_NOT_COMPARABLE.code });
  expect(all.err).toContain("arm64-elsewhere");
  await rm(join(job.folder, job.fileOf(8)));
  const without = await given.cli.cyxwiz(args);
  expect(without.err).toContain("the checkpoint at step 8");
  expect(JSON.parse(without.out)).toMatchObject({ code: CLI_ERRORS.RERUN_FILES_MISSING.code });
}, 60_000);

test("what a re-run needs and is not there is downloaded from the receipt's market, or named", async () => {
  await using job = await trainFlowers();
  const issuer = createIssuer();
  const run = job.receipt.chain[0] as Extract<ReceiptBody["chain"][number], { kind: "run" }>;
  const text = await readFile(join(job.folder, "some text"));
  const data = await readFile(join(job.folder, "some data"));
  await using market = await startTestMarket({
    "GET /api/receipts/keys": { json: issuer.keys },
    [`GET /api/jobs/${JOB_ID}/graph`]: { bytes: text },
    [`GET /api/objects/${run.dataset_cid}`]: { bytes: data },
    [`GET /api/objects/b${"a".repeat(58)}`]: { bytes: await readFile(join(job.folder, job.fileOf(4))) },
  });
  await using cli = await createTestCli({ signedInTo: market.url });
  const folder = join(cli.home, "elsewhere");
  await mkdir(folder);
  const path = join(folder, "receipt.json");
  await writeFile(path, JSON.stringify(issuer.issue(job.receipt)));
  const key = join(cli.home, "key.pem");
  await writeFile(key, issuer.keys.keys[0]?.public_key ?? "");
  const args = ["receipt", "verify", path, "--key", key, "--rerun"];
  const online = await cli.cyxwiz(args);
  expect(online.code, online.err).toBe(0);
  expect(online.out).toContain("bit-equal");
  await cli.sessions.clear();
  const offline = await cli.cyxwiz([...args, "--json"]);
  expect(JSON.parse(offline.out.trimEnd().split("\n").at(-1) ?? "")).toMatchObject({
    code: CLI_ERRORS.RERUN_FILES_MISSING.code,
  });
  for (const what of ["the graph", "the dataset", "the checkpoint at step 4", folder, "not signed in"]) {
    expect(offline.err).toContain(what);
  }
}, 60_000);

test("a session with another market does not help a re-run, and that is said", async () => {
  const other = createIssuer("ledger-00000000");
  await using market = await startTestMarket({ "GET /api/receipts/keys": { json: other.keys } });
  await using given = await trusted(sampleReceipt({ chain: await chainHere() }));
  const env = { CYXWIZ_URL: market.url, CYXWIZ_TOKEN: "some" };
  const { code, err } = await given.cli.cyxwiz(["receipt", "verify", given.path, "--rerun"], { env });
  expect(code).toBe(1);
  expect(err).toContain("is ledger-00000000 and not ledger-3f9a0c21");
});

/** The sample's chain as if this machine had computed it. */
async function chainHere(): Promise<ReceiptBody["chain"]> {
  const { of } = await thisMachine();
  return CHAIN.map((entry) => (entry.kind === "segment" ? { ...entry, ...of } : entry));
}

test("a job of which nothing was drawn or committed cannot be run again, and why is said", async () => {
  await using given = await trusted(sampleReceipt({ verification: unchecked("unverified") }));
  const { out, err } = await given.cli.cyxwiz(["receipt", "verify", given.path, "--rerun", "--json"]);
  expect(JSON.parse(out)).toMatchObject({ code: CLI_ERRORS.RERUN_IMPOSSIBLE.code });
  expect(err).toContain("--rerun all");
});
