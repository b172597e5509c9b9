import { describe, expect, it } from "vitest";
import { countedSuccesses, rebuildReputation, type ReputationChange } from "@cyxwiz/market";
import { PhiloxStream, STREAM } from "@cyxwiz/primitives";
import { ScriptedMarket, WAIT_MS } from "../verification/scripted-market.fixture.ts";
import { hashOf, type Lie } from "../verification/scripted-training.fixture.ts";

const LIES: readonly Lie[] = [{ randomAfter: 0 }, { otherModel: true }, { otherInitial: true }, { unchained: 50 }];
const JOBS = 30;
const ENDED: ReadonlySet<string> = new Set(["COMPLETED", "FAILED", "CANCELLED"]);

describe("a node's reputation", () => {
  it("[REP7] is what its kept changes add up to, whatever happened: 30 jobs by three payers with lies at random", async () => {
    await using world = await ScriptedMarket.create({ verification: { auditedShare: 0.2 } });
    const random = seeded(7);
    for (let index = 0; index < 8; index++) await world.hire(`node ${index}`);
    const payers = [world.user, await world.market.user(), await world.market.user()];
    for (let index = 0; index < JOBS; index++) {
      const payer = await world.market.login(payers[index % payers.length] ?? world.user);
      const { jobId } = await world.submit({}, payer);
      while (!ENDED.has(await world.state(jobId))) {
        await world.market.schedule();
        const holder = await world.holder(jobId);
        if (!holder) {
          await world.pass(2 * WAIT_MS, world.hired);
          continue;
        }
        const { node } = holder;
        const task = await node.task();
        await world.tick(1_000);
        if (task.rerun) {
          await node.rerun(task, random() < 0.15 ? { says: { endSha256: hashOf("made up") } } : {});
        } else {
          await node.train(task, random() < 0.2 ? LIES[Math.floor(random() * LIES.length)] : {});
        }
      }
      await world.pass(Math.floor(random() * 20_000_000), world.hired);
    }
    const { db } = world.market.context;
    const causes = new Set<string>();
    for (const machine of await db.selectFrom("machines").selectAll().execute()) {
      const rows = await db
        .selectFrom("reputation_receipts")
        .selectAll()
        .where("machine_id", "=", machine.id)
        .orderBy("id")
        .execute();
      const changes = rows.map(({ at, cause, evidence }) => ({ at: at.getTime(), cause, evidence }));
      const rebuilt = rebuildReputation(changes as unknown as ReputationChange[]);
      expect(rebuilt.score).toBe(machine.reputation);
      expect(countedSuccesses(rebuilt)).toBe(machine.successes_counted);
      expect(rows.at(-1)?.score_after ?? 7_500).toBe(machine.reputation);
      for (const { cause } of rows) causes.add(cause);
    }
    for (const cause of ["job-verified", "rerun-confirmed", "rerun-outvoted", "result-refused", "attempt-failed"]) {
      expect(causes).toContain(cause);
    }
    expect(causes).not.toContain("job-unverified");
  });
});

function seeded(seed: number): () => number {
  const stream = new PhiloxStream(BigInt(seed), STREAM.simulation, 0);
  return () => stream.nextUnit();
}
