/** The rows of challenges: one for each task that was handed out, with what came back. */
import { MISSES_ALLOWED, type ChallengeOutcome, type ChallengeTask } from "@cyxwiz/market";
import type { NodeId, UnitId } from "@cyxwiz/primitives";
import type { Database } from "../database/open-database.ts";

/** Why a unit was asked. */
export type ChallengeCause = "registration" | "random" | "company";

export interface IssuedTask extends ChallengeTask {
  readonly nodeId: NodeId;
  readonly cause: ChallengeCause;
}

/** An answer in time: by the server's clock, and as the node says. */
export interface MeasuredTask {
  readonly seconds: number;
  readonly flops_per_second: number;
  readonly node_seconds: number;
}

/** Notes tasks before they go out. What a broken-off challenge of the same units left open is called off. */
export async function logIssued(db: Database, tasks: readonly IssuedTask[], now: number): Promise<void> {
  const unitIds = tasks.map((task) => task.unitId);
  await db
    .updateTable("challenges")
    .set({ ended_at: new Date(now), outcome: "called-off" })
    .where("unit_id", "in", unitIds)
    .where("ended_at", "is", null)
    .execute();
  await db
    .insertInto("challenges")
    .values(
      tasks.map((task) => ({
        id: task.challengeId,
        unit_id: task.unitId,
        machine_id: task.nodeId,
        seed: task.seed,
        rounds: JSON.stringify(task.rounds),
        cause: task.cause,
        issued_at: new Date(now),
        deadline_at: new Date(now + task.secondsAtMost * 1_000),
      })),
    )
    .execute();
}

/** Notes that a task is over. An answer that is still to be checked has no outcome yet. */
export async function logEnded(
  db: Database,
  ended: { readonly challengeId: string; readonly outcome?: ChallengeOutcome; readonly measured?: MeasuredTask },
  now: number,
): Promise<void> {
  const { challengeId, outcome, measured } = ended;
  await db
    .updateTable("challenges")
    .set({
      ended_at: new Date(now),
      ...(outcome && { outcome }),
      ...(measured && { measured: JSON.stringify(measured) }),
    })
    .where("id", "=", challengeId)
    .execute();
}

export async function logOutcome(
  db: Database,
  challengeIds: readonly string[],
  outcome: ChallengeOutcome,
): Promise<void> {
  if (challengeIds.length === 0) return;
  await db.updateTable("challenges").set({ outcome }).where("id", "in", challengeIds).execute();
}

/** An answer that came after its task was given up. */
export async function logLate(db: Database, nodeId: NodeId, challengeId: string): Promise<void> {
  await db
    .updateTable("challenges")
    .set({ outcome: "late" })
    .where("id", "=", challengeId)
    .where("machine_id", "=", nodeId)
    .where("outcome", "=", "silent")
    .execute();
}

/** The unit's last outcomes that count, newest first: as many as can make it broken. */
export async function lastOutcomes(db: Database, unitId: UnitId): Promise<readonly ChallengeOutcome[]> {
  const rows = await db
    .selectFrom("challenges")
    .select("outcome")
    .where("unit_id", "=", unitId)
    .where("outcome", "not in", ["busy", "called-off"])
    .orderBy("issued_at", "desc")
    .limit(MISSES_ALLOWED)
    .execute();
  return rows.flatMap((row) => (row.outcome === null ? [] : [row.outcome as ChallengeOutcome]));
}

/** After a restart nobody waits for an answer: what was open is called off. */
export async function closeOpen(db: Database, now: number): Promise<void> {
  await db
    .updateTable("challenges")
    .set((eb) => ({ ended_at: eb.fn.coalesce("ended_at", eb.val(new Date(now))), outcome: "called-off" }))
    .where("outcome", "is", null)
    .execute();
}
