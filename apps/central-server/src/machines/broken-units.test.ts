import { describe, expect, it } from "vitest";
import {
  TestMarket,
  newKeys,
  type MachineOptions,
  type TestMachine,
  type TestUser,
} from "../assignments/market.fixture.ts";
import type { UnitBeat } from "./heartbeat-service.ts";

type Reported = UnitBeat["status"];

interface Kept {
  readonly market: TestMarket;
  readonly owner: TestUser;
  readonly machine: TestMachine;
  /** For registering the same machine again. */
  readonly options: MachineOptions;
}

async function registered(): Promise<Kept> {
  const market = await TestMarket.create();
  const owner = await market.user(0n);
  const options = { keys: newKeys(), cpus: 2 };
  return { market, owner, options, machine: await market.register(owner, options) };
}

/** The first unit failed its last challenge, and is broken unless it was away when that was found. */
async function failedChallenge({ market, machine }: Kept, isAway = false): Promise<void> {
  const { db, clock } = market.context;
  const unitId = machine.unitIds[0] ?? "";
  const at = new Date(clock.now());
  await db
    .insertInto("challenges")
    .values({
      id: crypto.randomUUID(),
      unit_id: unitId,
      machine_id: machine.nodeId,
      seed: "1",
      rounds: "[]",
      cause: "random",
      issued_at: at,
      deadline_at: at,
      ended_at: at,
      outcome: "failed",
    })
    .execute();
  if (isAway) return;
  const broken = { status: "ERROR", status_reason: "a challenge was answered wrongly" };
  await db.updateTable("compute_units").set(broken).where("id", "=", unitId).execute();
}

async function unitOf({ market, machine }: Kept): Promise<{ status: string; status_reason: string | null }> {
  return market.context.db
    .selectFrom("compute_units")
    .select(["status", "status_reason"])
    .where("id", "=", machine.unitIds[0] ?? "")
    .executeTakeFirstOrThrow();
}

async function says({ market, machine }: Kept, ...statuses: readonly Reported[]): Promise<void> {
  for (const status of statuses) {
    const unitId = machine.unitIds[0] as UnitBeat["unitId"];
    await market.market.machines.heartbeats.beat(machine.nodeId, "grpc", [{ unitId, status, loadPercent: 0 }]);
  }
}

/** Registers the machine with the second CPU alone. */
async function unshare({ market, owner, options }: Kept): Promise<void> {
  const body = market.registrationBody(owner, options);
  const units = (body["compute_units"] as readonly object[]).slice(1);
  const answer = await market.send("POST", "/api/nodes/register", {
    token: owner.token,
    body: { ...body, compute_units: units },
  });
  expect(answer.status).toBe(200);
}

describe("a unit that failed its last challenge", () => {
  it("stays broken when its node says that it is fine, paused, broken, and fine again", async () => {
    const kept = await registered();
    await using _ = kept.market;
    await failedChallenge(kept);
    await says(kept, "ACTIVE", "PAUSED", "ACTIVE", "ERROR", "ACTIVE");
    expect(await unitOf(kept)).toEqual({ status: "ERROR", status_reason: "a challenge was answered wrongly" });
  });

  it("stays broken when its owner registers again, or takes it back and shares it anew", async () => {
    const kept = await registered();
    await using _ = kept.market;
    await failedChallenge(kept);
    await kept.market.register(kept.owner, kept.options);
    expect(await unitOf(kept)).toMatchObject({ status: "ERROR" });
    await unshare(kept);
    expect(await unitOf(kept)).toMatchObject({ status: "NOT_SHARED" });
    await kept.market.register(kept.owner, kept.options);
    expect(await unitOf(kept)).toMatchObject({ status: "ERROR", status_reason: "its last challenges failed" });
  });

  it("is broken also where its node had reported an error itself before, which it takes back", async () => {
    const kept = await registered();
    await using _ = kept.market;
    await says(kept, "ERROR");
    await failedChallenge(kept, true);
    await says(kept, "ACTIVE");
    expect(await unitOf(kept)).toMatchObject({ status: "ERROR", status_reason: "its last challenges failed" });
    await says(kept, "ERROR", "ACTIVE");
    expect(await unitOf(kept)).toMatchObject({ status: "ERROR" });
  });

  it("is broken when it comes back, where its node was silent while the answer was found wrong", async () => {
    const kept = await registered();
    await using _ = kept.market;
    await kept.market.pass(60_000);
    expect(await unitOf(kept)).toMatchObject({ status: "OFFLINE" });
    await failedChallenge(kept, true);
    await says(kept, "ACTIVE");
    expect(await unitOf(kept)).toMatchObject({ status: "ERROR" });
  });
});

describe("a unit that its own node reports as broken", () => {
  it("is ACTIVE again when the node says so", async () => {
    const kept = await registered();
    await using _ = kept.market;
    await says(kept, "ERROR");
    expect(await unitOf(kept)).toMatchObject({ status: "ERROR", status_reason: "its node reports an error" });
    await says(kept, "ACTIVE");
    expect(await unitOf(kept)).toMatchObject({ status: "ACTIVE", status_reason: null });
  });
});
