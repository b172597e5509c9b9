import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { systemClock } from "@cyxwiz/platform";
import { TestMarket } from "./assignments/market.fixture.ts";
import { createMarketFeatures } from "./market-features.ts";

describe("the market with its loops running", () => {
  it("hands a submitted job to an idle node at once, without waiting for a poll", async () => {
    await using market = await TestMarket.create();
    const [user, owner] = [await market.user(), await market.user(0n)];
    await using _loops = market.runScheduler();
    const node = await market.connect(await market.register(owner));
    const began = systemClock.monotonic();
    const { jobId } = await market.submit(user);
    const task = await node.task();
    await node.progress(task, 1n);
    const tookMs = systemClock.monotonic() - began;
    expect((await market.job(user, jobId)).state).toBe("RUNNING");
    // The scheduler's clock stands still, so a poll would never come. The bar of 1 s is measured in bench/.
    expect(tookMs).toBeLessThan(5_000);
  });

  it("starts on an empty folder and stops again, twice", async () => {
    await using market = await TestMarket.create();
    const folder = await mkdtemp(join(tmpdir(), "cyxwiz-market-"));
    for (let times = 0; times < 2; times++) {
      const features = createMarketFeatures({ ...market.context, clock: systemClock, dataFolder: folder });
      await features.start();
      await features.stop();
    }
    expect(market.logger.lines.filter((line) => line.level === "error")).toEqual([]);
    await rm(folder, { recursive: true });
  });
});
