/**
 * One challenge of one or more units: round by round, every unit of a round asked in the same moment.
 *
 * A round begins when all answers to the one before are in, so that units that share a device share it in each round. The
 * seed of a round is drawn when it begins: nothing can be computed ahead. Checks come at the end, in small pieces.
 */
import { randomBytes } from "node:crypto";
import { setImmediate as pause } from "node:timers/promises";
import type { Clock } from "@cyxwiz/platform";
import {
  ANSWER_SECONDS,
  challengeText,
  checkProduct,
  judgeChallenge,
  judgeSilence,
  operationsOf,
  planChallenge,
  type ChallengeOutcome,
  type ChallengeRound,
  type CurvePoint,
} from "@cyxwiz/market";
import { assert, defined, printable, type NodeId } from "@cyxwiz/primitives";
import type { ServerMessageBody } from "../assignments/task-streams.ts";
import type { Database } from "../database/open-database.ts";
import { newId } from "../jobs/new-id.ts";
import { logEnded, logIssued, type ChallengeCause, type IssuedTask } from "./challenge-log.ts";
import type { ChallengeUnit } from "./challenge-units.ts";
import { REASON_CHARACTERS } from "./limits.ts";
import type { ArrivedAnswer, OpenTasks } from "./open-tasks.ts";

export interface ChallengeRunOptions {
  readonly db: Database;
  readonly clock: Clock;
  readonly random: () => number;
  readonly open: OpenTasks;
  /** Sends on the node's stream; false when it holds none. */
  readonly send: (nodeId: NodeId, message: ServerMessageBody) => boolean;
  readonly isReachable: (nodeId: NodeId) => boolean;
  /** The server's Ed25519 signature over a text, base64url. */
  readonly sign: (text: string) => string;
  /** What the check of one round may cost, in matrix elements; the market's own cap when absent. */
  readonly checkedElements?: number;
}

export interface ChallengedUnit {
  readonly unit: ChallengeUnit;
  readonly cause: ChallengeCause;
}

/** How it ended for one unit. */
export interface EndedRun {
  readonly unit: ChallengeUnit;
  readonly outcome: ChallengeOutcome;
  /** The task that decided; absent when every one was right. */
  readonly decidedBy?: string;
  readonly taskIds: readonly string[];
  readonly curve: readonly CurvePoint[];
  /** For the owner, in a sentence; "" when it was passed. */
  readonly reason: string;
}

interface Answered {
  readonly task: IssuedTask;
  readonly round: ChallengeRound;
  readonly product: Uint8Array;
  readonly flopsPerSecond: number;
}

interface Member extends ChallengedUnit {
  readonly rounds: readonly ChallengeRound[];
  readonly answered: Answered[];
  readonly taskIds: string[];
  end?: EndedRun;
}

export async function runChallenge(
  options: ChallengeRunOptions,
  units: readonly ChallengedUnit[],
  signal: AbortSignal,
): Promise<readonly EndedRun[]> {
  const members = units.map((challenged) => memberOf(challenged, options.checkedElements));
  const rounds = Math.max(...members.map((member) => member.rounds.length));
  for (let index = 0; index < rounds; index++) {
    const asked = members.filter((member) => !member.end);
    if (asked.length > 0) await askRound(options, asked, index, signal);
  }
  for (const member of members) member.end ??= await checkAll(member);
  return members.map(({ end }) => defined(end, "every unit's challenge has ended"));
}

function memberOf(challenged: ChallengedUnit, checkedElements: number | undefined): Member {
  const { claimedTrainFlops: trainFlopsPerSecond, memoryBytes, calibration, isMeasured } = challenged.unit;
  const { warmUp, rounds } = planChallenge(
    { trainFlopsPerSecond, memoryBytes },
    {
      measuredFlopsPerSecond: isMeasured ? (calibration?.best ?? 0) : 0,
      ...(checkedElements !== undefined && { checkedElements }),
    },
  );
  return { ...challenged, rounds: [warmUp, ...rounds], answered: [], taskIds: [] };
}

/** Hands a round to all members at once and waits until each has answered or its time is over. */
async function askRound(
  options: ChallengeRunOptions,
  members: readonly Member[],
  index: number,
  signal: AbortSignal,
): Promise<void> {
  const { db, clock, open, send, sign } = options;
  const tasks = members.map((member) => issue(options, member, index));
  await logIssued(db, tasks, clock.now());
  const messages = tasks.map((task) => taskMessage(task, sign(challengeText(task))));
  const answers = tasks.map((task, i) => {
    const arrival = open.answerTo(task);
    const message = messages[i];
    assert(message !== undefined, "a message for each task");
    if (!send(task.nodeId, message)) open.giveUp([task.challengeId]);
    return arrival;
  });
  const over = new AbortController();
  const deadline = clock.sleep(ANSWER_SECONDS * 1_000, AbortSignal.any([signal, over.signal])).then(
    () => open.giveUp(tasks.map((task) => task.challengeId)),
    () => open.giveUp(tasks.map((task) => task.challengeId)),
  );
  const arrived = await Promise.all(answers);
  over.abort();
  await deadline;
  for (const [i, member] of members.entries()) {
    const task = defined(tasks[i], "a task for each member");
    await note(options, member, { task, arrived: arrived[i], isStopping: signal.aborted });
  }
}

function issue({ random }: ChallengeRunOptions, member: Member, index: number): IssuedTask {
  const { unitId, nodeId } = member.unit;
  const challengeId = newId(random);
  member.taskIds.push(challengeId);
  return {
    challengeId,
    unitId,
    nodeId,
    seed: randomBytes(8).readBigUInt64LE().toString(),
    rounds: [defined(member.rounds[index], "every plan has as many rounds")],
    secondsAtMost: ANSWER_SECONDS,
    cause: member.cause,
  };
}

function taskMessage(
  { challengeId, unitId, seed, rounds, secondsAtMost }: IssuedTask,
  signature: string,
): ServerMessageBody {
  return {
    case: "calibration",
    value: { challengeId, unitId, seed, rounds: [...rounds], secondsAtMost, signature },
  };
}

/** Writes down what came back for one task; anything but an answer in time ends the unit's challenge. */
async function note(
  { db, clock, isReachable }: ChallengeRunOptions,
  member: Member,
  { task, arrived, isStopping }: { task: IssuedTask; arrived: ArrivedAnswer | undefined; isStopping: boolean },
): Promise<void> {
  const { challengeId, nodeId } = task;
  const round = defined(task.rounds[0], "one round a task");
  const outcome = arrived
    ? judgeChallenge({
        isBusy: arrived.answer.busy,
        code: arrived.answer.code,
        isRight: undefined,
        seconds: arrived.seconds,
        secondsAllowed: task.secondsAtMost,
      })
    : judgeSilence({ isNodeHere: !isStopping && isReachable(nodeId) });
  if (outcome !== undefined || !arrived) {
    await logEnded(db, { challengeId, outcome: outcome ?? "silent" }, clock.now());
    member.end = endOf(member, outcome ?? "silent", challengeId, reasonOf(outcome ?? "silent", arrived));
    return;
  }
  const result = arrived.answer.results.find((one) => one.size === round.size);
  // A clock that did not move between two messages shows no infinite speed.
  const flopsPerSecond = operationsOf(round) / Math.max(arrived.seconds, 0.001);
  const measured = { seconds: arrived.seconds, flops_per_second: flopsPerSecond, node_seconds: result?.seconds ?? 0 };
  await logEnded(db, { challengeId, measured }, clock.now());
  member.answered.push({ task, round, product: result?.product ?? new Uint8Array(), flopsPerSecond });
}

/** Checks a unit's answers, the smallest first; the first wrong one decides. */
async function checkAll(member: Member): Promise<EndedRun> {
  for (const { task, round, product } of member.answered) {
    const steps = checkProduct({ seed: BigInt(task.seed), round, product, randomBytes });
    let step = steps.next();
    for (; !step.done; step = steps.next()) await pause();
    if (step.value) continue;
    const reason = `a challenge was answered wrongly: ${round.products} products of matrices of ${round.size} rows`;
    return endOf(member, "failed", task.challengeId, reason);
  }
  return endOf(member, "passed", undefined, "");
}

function endOf(member: Member, outcome: ChallengeOutcome, decidedBy: string | undefined, reason: string): EndedRun {
  const { unit, taskIds, answered } = member;
  // The first round is the warm-up.
  const curve = answered.slice(1).map(({ round, flopsPerSecond }) => ({ size: round.size, flopsPerSecond }));
  return { unit, outcome, ...(decidedBy !== undefined && { decidedBy }), taskIds, curve, reason };
}

function reasonOf(outcome: ChallengeOutcome, arrived: ArrivedAnswer | undefined): string {
  if (outcome === "unable") {
    const said = printable(arrived?.answer.message || arrived?.answer.code || "").slice(0, REASON_CHARACTERS);
    return `challenges cannot be computed: ${said}`;
  }
  return "challenges are not answered in time";
}
