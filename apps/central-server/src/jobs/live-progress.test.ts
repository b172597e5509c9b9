import { describe, expect, it } from "vitest";
import type { JobId } from "@cyxwiz/primitives";
import { TestMarket } from "../assignments/market.fixture.ts";
import { MAX_LOSS_POINTS } from "./limits.ts";
import { LiveProgress, NO_PROGRESS } from "./live-progress.ts";

describe("live progress", () => {
  it("keeps at most as many points of a curve as a plot can show, and its test accuracies beside them", async () => {
    await using market = await TestMarket.create();
    const [user, owner] = [await market.user(), await market.user(0n)];
    await market.connect(await market.register(owner));
    const jobId = (await market.submit(user)).jobId as JobId;
    const progress = new LiveProgress(market.context.db);
    const totalSteps = 10 * MAX_LOSS_POINTS;
    for (let step = 0; step < totalSteps; step++) {
      const testAccuracy = step === 5 ? 0.5 : null;
      progress.note(jobId, { ...NO_PROGRESS, step, loss: 1 / (step + 1), testAccuracy }, totalSteps);
    }
    await progress.flush();
    const curve = await market.send("GET", `/api/jobs/${jobId}/losses`, { token: user.token });
    const points = curve.body["points"] as { step: number; test_accuracy: number | null }[];
    expect(points).toHaveLength(MAX_LOSS_POINTS + 1);
    expect(points.filter((point) => point.test_accuracy !== null)).toMatchObject([{ step: 5, test_accuracy: 0.5 }]);
  });

  it("tells which jobs a flush wrote", async () => {
    const jobId = "5b1c7a2e-57c5-4c1d-9c1f-1f6f2d1f0a02" as JobId;
    await using market = await TestMarket.create();
    const progress = new LiveProgress(market.context.db);
    const written: JobId[] = [];
    progress.onWritten((job) => written.push(job));
    progress.note(jobId, { ...NO_PROGRESS, step: 1 }, 10);
    expect(written).toEqual([]);
    await progress.flush();
    await progress.flush();
    expect(written).toEqual([jobId]);
  });

  it("what could not be written is written by the next flush", async () => {
    const jobId = "5b1c7a2e-57c5-4c1d-9c1f-1f6f2d1f0a02" as JobId;
    await using market = await TestMarket.create();
    const progress = new LiveProgress(market.context.db);
    progress.note(jobId, { ...NO_PROGRESS, step: 1, loss: 1 }, 10);
    // No such job: its points have nowhere to go, and are kept.
    await expect(progress.flush()).rejects.toThrow("loss_points");
    await expect(progress.flush()).rejects.toThrow("loss_points");
  });
});
