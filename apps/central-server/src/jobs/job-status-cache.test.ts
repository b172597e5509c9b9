import { VirtualClock } from "@cyxwiz/platform";
import { AppError, parseJobId, parseUserId, type JobId, type UserId } from "@cyxwiz/primitives";
import { describe, expect, it } from "vitest";
import type { Database } from "../database/open-database.ts";
import { JOB_ERRORS } from "./job-errors.ts";
import { JobSignals } from "./job-signals.ts";
import type { JobRow } from "./job-state.ts";
import { JobStatusCache, type ReadJob } from "./job-status-cache.ts";
import { JOB_STATUS_AGE_MS, JOB_STATUSES_KEPT } from "./limits.ts";
import { LiveProgress, NO_PROGRESS } from "./live-progress.ts";

const OWNER = parseUserId("3f2504e0-4f89-41d3-9a0c-0305e82c3301");
const STRANGER = parseUserId("3f2504e0-4f89-41d3-9a0c-0305e82c3302");
const JOB = jobAt(0);

function jobAt(index: number): JobId {
  return parseJobId(`5b1c7a2e-57c5-4c1d-9c1f-${String(index).padStart(12, "0")}`);
}

/** What the database holds of a job in this state, all of it the owner's. */
function inState(state: string, escrow: "LOCKED" | "SETTLING" | "SETTLED" = "LOCKED"): ReadJob {
  const job = { id: JOB, state, total_steps: 10n, committed_step: 0n, total_epochs: 1, started_at: null };
  const paid = { owner_amount: 0n, platform_amount: 0n, refunded_amount: 0n, shares: [] };
  return {
    record: {
      job: {
        ...job,
        ended_at: null,
        progress: {},
        result: null,
        failure: null,
        verification: "pending",
      } as unknown as JobRow,
      quote: { amount: 1n, seed: "0", offer: {} },
      escrow: { state: escrow, ...paid },
      attempt: null,
      verification: null,
      reruns: [],
      hasReceipt: false,
    },
    history: { events: [], checkpoints: [], changes: [] },
  };
}

/**
 * A cache over a database whose one row the test writes. A read looks at the row when it begins, as a statement does, and
 * ends when the test lets it: `hold` makes reads wait for `release`.
 */
function setup() {
  const clock = new VirtualClock();
  const signals = new JobSignals();
  const progress = new LiveProgress({} as Database);
  const row = { job: inState("ESCROWED"), reads: 0, failure: undefined as Error | undefined };
  let gates: PromiseWithResolvers<void>[] = [];
  let isHeld = false;
  const read = async (jobId: JobId, userId: UserId): Promise<ReadJob> => {
    row.reads++;
    const { job, failure } = row;
    if (isHeld) {
      const gate = Promise.withResolvers<void>();
      gates.push(gate);
      await gate.promise;
    }
    if (failure) throw failure;
    if (userId !== OWNER) throw new AppError(JOB_ERRORS.JOB_NOT_FOUND, { jobId });
    return job;
  };
  const cache = new JobStatusCache({ clock, signals, progress, read });
  const hold = (): void => void (isHeld = true);
  const release = (): void => {
    isHeld = false;
    for (const gate of gates) gate.resolve();
    gates = [];
  };
  const answer = (userId: UserId = OWNER, jobId: JobId = JOB) => cache.answer(jobId, userId);
  const state = async () => (await answer()).status.state;
  const write = (job: ReadJob): void => {
    row.job = job;
    signals.changed(JOB);
  };
  return { clock, signals, progress, row, hold, release, answer, state, write };
}

describe("a job's status that is asked for again", () => {
  it("is the same answer, of one read, as long as nothing changes", async () => {
    const { answer, row } = setup();
    const [first, second] = await Promise.all([answer(), answer()]);
    expect(second).toBe(first);
    expect(await answer()).toBe(first);
    expect(row.reads).toBe(1);
  });

  it("is the new one once a change was told", async () => {
    const { state, write } = setup();
    expect(await state()).toBe("ESCROWED");
    write(inState("ASSIGNED"));
    expect(await state()).toBe("ASSIGNED");
  });

  it("is the new one though a read of the old one was under way when the change was told", async () => {
    const { hold, release, state, write } = setup();
    hold();
    const before = state();
    write(inState("ASSIGNED"));
    release();
    await before;
    expect(await state()).toBe("ASSIGNED");
  });

  it("never waits for the read of the old one: who asks after the change gets the new one", async () => {
    const { hold, release, state, write } = setup();
    hold();
    const before = state();
    write(inState("ASSIGNED"));
    const after = state();
    release();
    expect(await Promise.all([before, after])).toEqual(["ESCROWED", "ASSIGNED"]);
    expect(await state()).toBe("ASSIGNED");
  });

  it("is the newest after two changes during two reads, whichever read ends last", async () => {
    const { hold, release, state, write } = setup();
    hold();
    const reads = [state()];
    write(inState("ASSIGNED"));
    reads.push(state());
    write(inState("RUNNING"));
    release();
    await Promise.all(reads);
    expect(await state()).toBe("RUNNING");
  });

  it("shows the progress that the node told last, without another read", async () => {
    const { answer, progress, row } = setup();
    row.job = inState("RUNNING");
    expect((await answer()).status.step).toBe(0n);
    for (const step of [3, 4]) {
      progress.note(JOB, { ...NO_PROGRESS, step }, 10);
      expect((await answer()).status.step).toBe(BigInt(step));
    }
    progress.forget(JOB);
    expect((await answer()).status.step).toBe(0n);
    expect(row.reads).toBe(1);
  });

  it("of an ended job is read each time until its payment is confirmed, of which no signal is sure", async () => {
    const { row, answer } = setup();
    const escrow = async () => (await answer()).status.payment?.escrowState;
    row.job = inState("COMPLETED", "SETTLING");
    expect(await escrow()).toBe("SETTLING");
    row.job = inState("COMPLETED", "SETTLED");
    expect(await escrow()).toBe("SETTLED");
    expect(await answer()).toBe(await answer());
  });

  it("is read anew after some seconds, so that a change that was never told shows then", async () => {
    const { clock, row, state } = setup();
    await state();
    row.job = inState("ASSIGNED");
    await clock.advance(JOB_STATUS_AGE_MS - 1);
    expect(await state()).toBe("ESCROWED");
    await clock.advance(1);
    expect(await state()).toBe("ASSIGNED");
  });

  it("is read anew after a read that failed", async () => {
    const { row, state } = setup();
    row.failure = new Error("the database is away");
    await expect(state()).rejects.toThrow("away");
    row.failure = undefined;
    expect(await state()).toBe("ESCROWED");
  });

  it("outlives the failure of a read from before it", async () => {
    const { hold, release, row, state, write } = setup();
    hold();
    row.failure = new Error("the database is away");
    const before = state();
    row.failure = undefined;
    write(inState("ASSIGNED"));
    const after = state();
    release();
    await expect(before).rejects.toThrow("away");
    expect([await after, await state()]).toEqual(["ASSIGNED", "ASSIGNED"]);
    expect(row.reads).toBe(2);
  });

  it("cannot be changed by who got it first", async () => {
    const { answer } = setup();
    const { status } = await answer();
    expect(() => Object.assign(status, { jobId: "" })).toThrow(TypeError);
    expect(() => Object.assign(status.payment ?? {}, { quoted: "0" })).toThrow(TypeError);
  });
});

describe("another user's job", () => {
  it("does not exist, also when its owner asked a moment ago or is asking now", async () => {
    const { answer, hold, release } = setup();
    hold();
    const [asking, meanwhile] = [answer(), answer(STRANGER)];
    release();
    await expect(meanwhile).rejects.toMatchObject({ code: "central/job-not-found" });
    expect((await asking).status.jobId).toBe(JOB);
    await expect(answer(STRANGER)).rejects.toMatchObject({ code: "central/job-not-found" });
  });

  it("is answered to its owner while a stranger asks, and after", async () => {
    const { answer, hold, release } = setup();
    hold();
    const [stranger, owner] = [answer(STRANGER), answer()];
    release();
    await expect(stranger).rejects.toMatchObject({ code: "central/job-not-found" });
    expect((await owner).status.jobId).toBe(JOB);
    expect((await answer()).status.jobId).toBe(JOB);
  });
});

describe("what is kept", () => {
  it("is bounded: the job that was read first is forgotten first", async () => {
    const { answer, row } = setup();
    const others = Array.from({ length: JOB_STATUSES_KEPT }, (_, index) => jobAt(index + 1));
    const first = await answer();
    for (const jobId of others.slice(1)) await answer(OWNER, jobId);
    expect(await answer()).toBe(first);
    expect(row.reads).toBe(JOB_STATUSES_KEPT);
    await answer(OWNER, others[0]);
    expect(await answer()).not.toBe(first);
  });

  it("is nothing of jobs that are not there, however many are asked for", async () => {
    const { answer } = setup();
    const first = await answer();
    for (let index = 1; index < JOB_STATUSES_KEPT + 10; index++) {
      await answer(STRANGER, jobAt(index)).catch(() => undefined);
    }
    expect(await answer()).toBe(first);
  });
});
