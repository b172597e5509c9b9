import { readdir, readFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isUuid } from "@cyxwiz/primitives";
import { MemoryLogger, systemClock } from "@cyxwiz/platform";
import { expect, test } from "vitest";
import { FakeCentral, OWNER_TOKEN } from "../test/fake-central.ts";
import { cidOf, DATASET, JOB_ID, sampleAssignment, sampleRerun, UNIT_ID } from "../test/sample-assignment.ts";
import {
  INITIAL_SHA256,
  type Script,
  type ScriptedDriver,
  scriptedDriver,
  sha256,
  stateAt,
} from "../test/scripted-driver.ts";
import { tempFolder, until } from "../test/temp-folder.ts";
import { wireChange } from "../test/wire-form.ts";
import { type NodeConfig, parseNodeConfig } from "./config/node-config.ts";
import { createServerNode, type ServerNode } from "./create-server-node.ts";
import { NODE_ERRORS } from "./errors.ts";
import { statusLine } from "./status/node-status.ts";

interface RunningNode extends AsyncDisposable {
  readonly node: ServerNode;
  readonly driver: ScriptedDriver;
  readonly logger: MemoryLogger;
  stop(): Promise<void>;
}

function configOf(central: FakeCentral, dataDir: string, token?: string): NodeConfig {
  const tables = {
    node: { name: "test node", data_dir: dataDir },
    central_server: { address: central.grpcAddress, api_url: central.apiUrl },
    devices: { share_gpu: false, cpu_cores: 1, price_per_hour: { cpu: "0.5" } },
    account: token === undefined ? {} : { token },
  };
  const config = parseNodeConfig(tables, { source: "test", env: {} });
  return { ...config, centralServer: { ...config.centralServer, heartbeatIntervalMs: 20, reconnectDelayMs: 20 } };
}

async function start(config: NodeConfig, script: Script = {}): Promise<RunningNode> {
  const driver = scriptedDriver(script);
  const logger = new MemoryLogger();
  const node = await createServerNode(config, { clock: systemClock, logger, random: () => 0, driver });
  const controller = new AbortController();
  const run = node.run(controller.signal);
  run.catch(() => undefined);
  const stop = async (): Promise<void> => {
    controller.abort();
    await run;
  };
  const dispose = async (): Promise<void> => {
    await stop().catch(() => undefined);
    await node[Symbol.asyncDispose]();
  };
  return { node, driver, logger, stop, [Symbol.asyncDispose]: dispose };
}

async function setup(
  script: Script = {},
): Promise<AsyncDisposable & { central: FakeCentral; running: RunningNode; dataDir: string }> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await tempFolder());
  const central = stack.use(await FakeCentral.start());
  await central.store(DATASET);
  const running = stack.use(await start(configOf(central, folder.path, OWNER_TOKEN), script));
  await until(() => central.openStreams > 0);
  const owned = stack.move();
  return { central, running, dataDir: folder.path, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

const ONE_THREAD = { threads: 1 };

test("a node registers with its key's proof, beats on both paths, and does a job from the offer to the result", async () => {
  await using at = await setup();
  const { central, running } = at;
  expect(isUuid(running.node.nodeId)).toBe(true);
  expect(central.registrations[0]).toMatchObject({
    machine_id: running.node.nodeId,
    name: "test node",
    compute_units: [{ device_type: "cpu", price_per_hour: "0.5", benchmark: { build: "scripted-1" } }],
  });
  expect(central.hellos[0]).toMatchObject({ nodeId: running.node.nodeId, lowerings: ["loop-1"], running: [] });
  const assignment = await sampleAssignment(ONE_THREAD);
  central.assign(assignment);
  await until(() => central.kinds().includes("result"));
  expect(central.kinds()).toEqual(["accepted", "checkpoint", "checkpoint", "checkpoint", "result"]);
  const result = central.last("result");
  expect(result).toMatchObject({ step: 6n, fencingToken: assignment.fencingToken, metrics: { test_accuracy: 0.9 } });
  expect(central.objects.get(result.onnx?.cid ?? "")?.toString()).toBe(`onnx step=6 ${DATASET}`);
  expect(central.last("progress")).toMatchObject({ totalSteps: 6n });
  await until(() => central.grpcBeats > 0 && central.restBeats.length > 0);
  await until(() => running.node.status().counts.completed === 1);
  expect(running.node.status()).toMatchObject({
    centralServer: { state: "online" },
    units: [{ unitId: UNIT_ID, state: "ACTIVE" }],
  });
});

test("[NI4] what a job needs is found after kill -9: left-over work is removed, the key stays, the owner's token is not needed", async () => {
  await using folder = await tempFolder();
  await using central = await FakeCentral.start();
  let nodeId = "";
  {
    await using first = await start(configOf(central, folder.path, OWNER_TOKEN));
    await until(() => central.openStreams > 0);
    nodeId = first.node.nodeId;
  }
  await mkdir(join(folder.path, "work", "left-over"), { recursive: true });
  await writeFile(join(folder.path, "work", "left-over", "file"), "x");
  await using second = await start(configOf(central, folder.path));
  await until(() => central.hellos.length > 1);
  expect(second.node.nodeId).toBe(nodeId);
  expect(central.registrations).toHaveLength(1);
  expect(await readdir(folder.path)).not.toContain("work");
});

test("[NR2] a restart of the server in the middle of a job loses no report, and the hello lists what runs", async () => {
  await using at = await setup({ pauseAt: 5 });
  const { central, running } = at;
  central.verdict = (report) => (report.message.case === "checkpoint" ? "silent" : { accepted: true });
  central.assign(await sampleAssignment(ONE_THREAD));
  await until(() => running.node.status().assignments[0]?.step === 4);
  await central.restart();
  central.verdict = () => ({ accepted: true });
  running.driver.go();
  await until(() => central.kinds().includes("result"));
  expect(central.hellos.at(-1)?.running).toMatchObject([{ fencingToken: 2n ** 60n + 1n }]);
  const kinds = central.kinds();
  expect(kinds.slice(kinds.lastIndexOf("accepted") + 1)).toEqual(["checkpoint", "checkpoint", "checkpoint", "result"]);
});

test("[NJ4] an upload waits for a store that is away", async () => {
  await using at = await setup();
  const { central, running } = at;
  central.isStoreDown = true;
  central.assign(await sampleAssignment(ONE_THREAD));
  await until(() => running.logger.lines.some((line) => line.message === "an upload failed and is tried again"));
  central.isStoreDown = false;
  await until(() => central.kinds().includes("result"));
});

test("a cancel over the wire stops the work and keeps the model", async () => {
  await using at = await setup({ pauseAt: 4 });
  const { central, running } = at;
  const assignment = await sampleAssignment(ONE_THREAD);
  central.assign(assignment);
  await until(() => running.node.status().assignments[0]?.step === 3);
  central.cancel(assignment, true);
  await until(() => central.kinds().includes("cancelled"));
  const { onnx, step } = central.last("cancelled");
  expect(step).toBe(3n);
  expect(central.objects.get(onnx?.cid ?? "")?.toString()).toBe(`onnx step=3 ${DATASET}`);
});

test("a re-run over the wire: found, reported, shown in the status", async () => {
  await using at = await setup({ pauseAt: 2 });
  const { central, running } = at;
  central.assign(await sampleRerun({ withModel: true }, ONE_THREAD));
  await until(() => running.node.status().assignments[0]?.step === 1);
  expect(running.node.status().assignments).toMatchObject([{ kind: "VERIFY" }]);
  expect(running.node.status().assignments[0]).not.toHaveProperty("fencingToken");
  running.driver.go();
  await until(() => central.kinds().includes("rerun"));
  const endSha256 = sha256(stateAt(2, DATASET));
  const onnxSha256 = sha256(`onnx step=2 ${DATASET}`);
  expect(central.last("rerun")).toMatchObject({ endSha256, onnxSha256, initialSha256: INITIAL_SHA256 });
  await until(() => running.node.status().counts.verified === 1);
  expect(statusLine(running.node.status())).toContain("0 completed · 1 re-run");
});

test("a claim whose bytes are not the server's hash fails with the server to blame", async () => {
  await using at = await setup();
  const { central } = at;
  const claim = { step: 2, cid: await cidOf("claimed"), sha256: sha256("other"), sizeBytes: "claimed".length };
  await central.store("claimed");
  central.assign(await sampleRerun({ claim }, ONE_THREAD));
  await until(() => central.kinds().includes("failed"));
  expect(central.last("failed")).toMatchObject({ blame: 3, code: NODE_ERRORS.CHECKPOINT_MISMATCH.code });
});

test("[NJ12] a change over the wire is made and reported between the checkpoints", async () => {
  await using at = await setup({ pauseAt: 4 });
  const { central, running } = at;
  const assignment = await sampleAssignment(ONE_THREAD);
  central.assign(assignment);
  await until(() => running.node.status().assignments[0]?.step === 3);
  const { assignmentId, fencingToken } = assignment;
  const change = { changeId: "88888888-8888-4888-8888-888888888888", learningRate: 0.05, stop: false, signature: "s" };
  const value = { assignmentId, fencingToken, change: wireChange(change) };
  central.send({ message: { case: "calibration", value: { challengeId: "c", unitId: UNIT_ID } } });
  central.send({ message: { case: "change", value } });
  // The stream keeps its order: when this one is answered, the change before it has been read.
  central.cancel({ ...assignment, fencingToken: 1n, assignmentId: JOB_ID as never }, false);
  await until(() => central.kinds().includes("cancelled"));
  running.driver.go();
  await until(() => central.kinds().includes("result"));
  const kinds = central.kinds().filter((kind) => kind !== "cancelled" && kind !== "calibration");
  expect(kinds).toEqual(["accepted", "checkpoint", "changeApplied", "checkpoint", "checkpoint", "result"]);
  expect(central.last("changeApplied")).toMatchObject({ changeId: change.changeId, step: 3n });
  expect(running.driver.changes).toMatchObject([{ id: change.changeId, learningRate: 0.05 }]);
});

test("a dataset with wrong bytes fails with the server to blame", async () => {
  await using at = await setup();
  const { central } = at;
  await central.store(DATASET, "tiny dataSET");
  central.assign(await sampleAssignment(ONE_THREAD));
  await until(() => central.kinds().includes("failed"));
  expect(central.last("failed")).toMatchObject({ blame: 3, code: NODE_ERRORS.OBJECT_MISMATCH.code });
});

test("a job goes on from a stored checkpoint; one whose hash differs is refused", async () => {
  await using at = await setup();
  const { central, running } = at;
  const bytes = "step=4 data=x";
  await central.store(bytes);
  const resume = { step: 4, cid: await cidOf(bytes), sha256: sha256(bytes), sizeBytes: bytes.length };
  const chainHead = "0f".repeat(32);
  central.assign(await sampleAssignment({ ...ONE_THREAD, resume, chainHead }));
  await until(() => central.kinds().includes("result"));
  expect(central.kinds()).toEqual(["accepted", "checkpoint", "result"]);
  await until(() => running.node.status().assignments.length === 0);
  const wrong = { ...resume, sha256: "0".repeat(64) };
  central.assign(await sampleAssignment({ ...ONE_THREAD, resume: wrong, chainHead }));
  await until(() => central.kinds().includes("failed"));
  expect(central.last("failed")).toMatchObject({ blame: 3, code: NODE_ERRORS.CHECKPOINT_MISMATCH.code });
});

test("a unit is paused by the server's command and then declines", async () => {
  await using folder = await tempFolder();
  await using central = await FakeCentral.start();
  central.commands = [{ kind: "pause", unit_id: UNIT_ID, reason: "owner" }, { kind: "dance" }];
  await using running = await start(configOf(central, folder.path, OWNER_TOKEN));
  await until(() => running.node.status().units[0]?.state === "PAUSED" && central.openStreams > 0);
  central.assign(await sampleAssignment(ONE_THREAD));
  await until(() => central.kinds().includes("declined"));
  expect(central.last("declined")).toMatchObject({ code: NODE_ERRORS.UNIT_NOT_READY.code });
});

test("[NJ7] stopping drains: a last checkpoint is stored and reported, and status.json shows the end", async () => {
  await using at = await setup({ pauseAt: 4 });
  const { central, running, dataDir } = at;
  central.assign(await sampleAssignment(ONE_THREAD));
  await until(() => running.node.status().assignments[0]?.step === 3);
  await running.stop();
  expect(central.kinds()).toEqual(["accepted", "checkpoint", "checkpoint", "failed"]);
  expect(central.last("failed")).toMatchObject({ code: NODE_ERRORS.NODE_DRAINING.code, step: 3n });
  const status: unknown = JSON.parse(await readFile(join(dataDir, "status.json"), "utf8"));
  expect(status).toMatchObject({ nodeId: running.node.nodeId, assignments: [], counts: { failed: 1 } });
});

async function refusedStart(config: NodeConfig): Promise<unknown> {
  const options = { clock: systemClock, logger: new MemoryLogger(), random: () => 0, driver: scriptedDriver() };
  await using node = await createServerNode(config, options);
  return node.run(new AbortController().signal).catch((error: unknown) => error);
}

test("without registration and without the owner's token the node says what it needs", async () => {
  await using folder = await tempFolder();
  await using central = await FakeCentral.start();
  expect(await refusedStart(configOf(central, folder.path))).toMatchObject({
    code: NODE_ERRORS.OWNER_TOKEN_MISSING.code,
    message: expect.stringContaining(central.apiUrl),
  });
});

test("a token that the server refuses, and a server that gives the key another id, end the node with the reason", async () => {
  await using folder = await tempFolder();
  await using central = await FakeCentral.start();
  expect(await refusedStart(configOf(central, folder.path, "wrong"))).toMatchObject({
    code: NODE_ERRORS.CENTRAL_REFUSED.code,
  });
  central.answeredId = "77777777-7777-4777-8777-777777777777";
  const mismatch = await refusedStart(configOf(central, folder.path, OWNER_TOKEN));
  expect(mismatch).toMatchObject({
    code: NODE_ERRORS.IDENTITY_MISMATCH.code,
    context: { answered: central.answeredId },
  });
});

test("a server that forgot the node is registered at again", async () => {
  await using folder = await tempFolder();
  await using central = await FakeCentral.start();
  {
    await using _first = await start(configOf(central, folder.path, OWNER_TOKEN));
    await until(() => central.openStreams > 0);
  }
  central.apiKey = "another key";
  await using _second = await start(configOf(central, folder.path, OWNER_TOKEN));
  await until(() => central.registrations.length === 2 && central.hellos.length === 2);
  expect(central.registrations[1]?.machine_id).toBe(central.registrations[0]?.machine_id);
});
