import type { NodeId } from "@cyxwiz/primitives";
import { BoundedQueue, MemoryLogger, VirtualClock } from "@cyxwiz/platform";
import { expect, test } from "vitest";
import { CalibrationAnswers } from "../calibration/calibration-answers.ts";
import { ASSIGNMENT_ID, sampleAssignment } from "../../test/sample-assignment.ts";
import { STREAM_WELCOME_MS } from "../limits.ts";
import type { CentralLink } from "./central-link.ts";
import { ConnectionState } from "./connection-state.ts";
import type { CalibrationTask, NodeMessage, ServerMessage } from "./messages.ts";
import { ReportOutbox } from "./report-outbox.ts";
import { runTaskStream, type TaskHandlers } from "./task-stream.ts";

const NODE_ID = "44444444-4444-5444-8444-444444444444" as NodeId;
const LEASE = { assignmentId: ASSIGNMENT_ID, fencingToken: 1n };

/** The far side of one stream. */
interface FarSide {
  readonly received: NodeMessage[];
  readonly send: BoundedQueue<ServerMessage>;
}

function setup(options: { calibrates?: boolean } = {}): {
  clock: VirtualClock;
  logger: MemoryLogger;
  outbox: ReportOutbox;
  answers: CalibrationAnswers;
  connection: ConnectionState;
  streams: FarSide[];
  heard: string[];
  stop: AbortController;
  ended: Promise<void>;
} {
  const clock = new VirtualClock();
  const outbox = new ReportOutbox();
  const connection = new ConnectionState(clock);
  const streams: FarSide[] = [];
  const heard: string[] = [];
  const stop = new AbortController();
  const handlers: TaskHandlers = {
    hello: () => ({
      nodeId: NODE_ID,
      build: "b",
      lowerings: ["l"],
      hardwareClass: "h",
      running: [{ ...LEASE, kind: "TRAIN", jobId: "j" as never, step: 3 }],
    }),
    assignment: (assignment) => heard.push(`assignment ${assignment.seed}`),
    change: (lease, { changeId }) => heard.push(`change ${lease.fencingToken} ${changeId}`),
    ...(options.calibrates
      ? { calibration: ({ challengeId }: CalibrationTask) => heard.push(`calibration ${challengeId}`) }
      : {}),
    cancel: (lease, { keepModel }) => heard.push(`cancel ${lease.fencingToken} ${keepModel}`),
    refused: (report, answer) => heard.push(`refused ${report.kind} ${answer.code}`),
  };
  const answers = new CalibrationAnswers();
  const link = memoryLink(streams);
  const logger = new MemoryLogger();
  const given = {
    link,
    outbox,
    answers,
    handlers,
    connection,
    credential: () => "k",
    clock,
    logger,
    random: () => 1,
  };
  const ended = runTaskStream({ ...given, reconnectDelayMs: 1_000 }, stop.signal);
  return { clock, logger, outbox, answers, connection, streams, heard, stop, ended };
}

function memoryLink(streams: FarSide[]): CentralLink {
  return {
    register: () => Promise.reject(new TypeError("not part of this test")),
    heartbeat: () => Promise.reject(new TypeError("not part of this test")),
    streamTasks: async function* (outgoing, _credential, signal) {
      const side: FarSide = { received: [], send: new BoundedQueue(100) };
      streams.push(side);
      signal.addEventListener("abort", () => side.send.fail(signal.reason), { once: true });
      void (async () => {
        for await (const message of outgoing) side.received.push(message);
      })();
      yield* side.send;
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}

async function sent(side: FarSide | undefined): Promise<readonly string[]> {
  return (side?.received ?? []).map((m) => {
    if (m.kind === "hello") return `hello ${m.hello.running.length}`;
    return m.kind === "calibration" ? `answer ${m.answer.challengeId}` : `${m.sequence} ${m.report.kind}`;
  });
}

test("[NR5] a stream starts with a hello that lists what runs, and is online with the welcome", async () => {
  const { clock, connection, outbox, streams, stop, ended } = setup();
  await clock.advance(0);
  expect(connection.snapshot()).toMatchObject({ state: "offline" });
  streams[0]?.send.push({ kind: "welcome", leaseSeconds: 30 });
  outbox.push({ kind: "accepted", ...LEASE });
  await clock.advance(0);
  expect(await sent(streams[0])).toEqual(["hello 1", "1 accepted"]);
  expect(connection.isOnline).toBe(true);
  stop.abort();
  await ended;
  expect(clock.sleeping).toBe(0);
});

test("[NR6] a stream that breaks is opened again, with growing waits, and unanswered reports are sent again", async () => {
  const { clock, connection, outbox, streams, stop, ended } = setup();
  await clock.advance(0);
  streams[0]?.send.push({ kind: "welcome", leaseSeconds: 30 });
  outbox.push({
    kind: "checkpoint",
    ...LEASE,
    step: 2,
    cid: "b" as never,
    sha256: "",
    sizeBytes: 1,
    initialSha256: "",
  });
  outbox.push({ kind: "cancelled", ...LEASE, step: 2 });
  await clock.advance(0);
  streams[0]?.send.push({ kind: "answer", sequence: 1n, accepted: true, code: "", message: "" });
  streams[0]?.send.fail(new TypeError("wire cut"));
  await clock.advance(0);
  expect(connection.snapshot()).toMatchObject({ state: "offline", problem: "wire cut" });
  await clock.advance(1_000);
  expect(await sent(streams[1])).toEqual(["hello 1", "1 cancelled"]);
  streams[1]?.send.fail(new TypeError("again"));
  await clock.advance(1_999);
  expect(streams).toHaveLength(2);
  await clock.advance(1);
  expect(streams).toHaveLength(3);
  stop.abort();
  await ended;
});

test("a server that stays silent after connecting is dropped", async () => {
  const { clock, connection, streams, stop, ended } = setup();
  await clock.advance(STREAM_WELCOME_MS);
  expect(connection.snapshot().problem).toContain("no welcome within");
  await clock.advance(1_000);
  expect(streams).toHaveLength(2);
  stop.abort();
  await ended;
});

test("a draining server is left alone for as long as it asks", async () => {
  const { clock, streams, stop, ended } = setup();
  await clock.advance(0);
  streams[0]?.send.push({ kind: "welcome", leaseSeconds: 30 });
  streams[0]?.send.push({ kind: "drain", reason: "update", reconnectAfterMs: 7_000 });
  streams[0]?.send.close();
  await clock.advance(6_999);
  expect(streams).toHaveLength(1);
  await clock.advance(1);
  expect(streams).toHaveLength(2);
  stop.abort();
  await ended;
});

test("every message reaches its handler; an unreadable assignment is declined", async () => {
  const { clock, heard, outbox, streams, stop, ended } = setup();
  await clock.advance(0);
  const side = streams[0];
  outbox.push({ kind: "accepted", ...LEASE });
  await clock.advance(0);
  side?.send.push({ kind: "assignment", assignment: await sampleAssignment() });
  side?.send.push({ kind: "cancel", ...LEASE, reason: "r", keepModel: true });
  const change = { changeId: "id", stop: true, signature: "" };
  side?.send.push({ kind: "change", ...LEASE, change });
  side?.send.push({ kind: "answer", sequence: 1n, accepted: false, code: "central/lease-lost", message: "" });
  side?.send.push({ kind: "unreadable", ...LEASE, code: "node/assignment-malformed", message: "seed" });
  await clock.advance(0);
  expect(heard).toEqual([
    "assignment 18446744073709551615",
    "cancel 1 true",
    "change 1 id",
    "refused accepted central/lease-lost",
  ]);
  expect(side?.received.at(-1)).toMatchObject({ report: { kind: "declined", code: "node/assignment-malformed" } });
  stop.abort();
  await ended;
});

const TASK: CalibrationTask = {
  challengeId: "c1",
  unitId: "u",
  seed: "1",
  rounds: [],
  secondsAtMost: 5,
  signature: "",
};

test("what a node cannot read or answer is let pass with a log line, and the stream goes on", async () => {
  const { clock, heard, logger, streams, stop, ended } = setup();
  await clock.advance(0);
  streams[0]?.send.push({ kind: "ignored", what: "a change", problem: "its id" });
  streams[0]?.send.push({ kind: "calibration", task: TASK });
  streams[0]?.send.push({ kind: "cancel", ...LEASE, reason: "r", keepModel: false });
  await clock.advance(0);
  expect(heard).toEqual(["cancel 1 false"]);
  const passed = logger.lines.filter(({ message }) => message === "a message of the Central Server is let pass");
  expect(passed).toHaveLength(2);
  stop.abort();
  await ended;
});

test("a calibration task goes to its handler where there is one", async () => {
  const { clock, heard, streams, stop, ended } = setup({ calibrates: true });
  await clock.advance(0);
  streams[0]?.send.push({ kind: "calibration", task: TASK });
  await clock.advance(0);
  expect(heard).toEqual(["calibration c1"]);
  stop.abort();
  await ended;
});

test("an answer to a challenge goes out beside the reports, and not on a later stream", async () => {
  const { answers, clock, streams, stop, ended } = setup();
  const answer = { unitId: "unit_cpu0_abc123", busy: true, results: [], code: "", message: "" };
  await clock.advance(0);
  answers.push({ ...answer, challengeId: "first" });
  await clock.advance(0);
  expect(await sent(streams[0])).toContain("answer first");
  streams[0]?.send.close();
  await clock.advance(0);
  answers.push({ ...answer, challengeId: "late" });
  await clock.advance(5_000);
  expect(streams.length).toBe(2);
  expect(await sent(streams[1])).toEqual(["hello 1"]);
  stop.abort();
  await ended;
});
