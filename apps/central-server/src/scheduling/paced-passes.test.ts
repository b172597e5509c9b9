import { MemoryLogger, VirtualClock } from "@cyxwiz/platform";
import { describe, expect, it } from "vitest";
import { WAITING_PAUSE_MS } from "./limits.ts";
import { PacedPasses, type PassOutcome } from "./paced-passes.ts";

const POLLING_MS = 5_000;

/** A running loop whose passes are counted; what each leaves is told beforehand. */
function setup(outcome: PassOutcome = "idle") {
  const clock = new VirtualClock();
  const logger = new MemoryLogger();
  const stopping = new AbortController();
  const scene = {
    clock,
    logger,
    stopping,
    passes: 0,
    leaves: outcome,
    fails: false,
    /** A pass waits for it, once there is one. */
    during: Promise.resolve(),
  };
  const paced = new PacedPasses({
    clock,
    logger,
    pollingIntervalMs: POLLING_MS,
    pass: async () => {
      scene.passes++;
      await scene.during;
      if (scene.fails) throw new TypeError("the database is away");
      return scene.leaves;
    },
  });
  const running = paced.run(stopping.signal);
  return {
    scene,
    wake: paced.wake,
    [Symbol.asyncDispose]: async () => {
      stopping.abort();
      await running;
    },
  };
}

describe("the scheduler's pace", () => {
  it("is at once from an idle state, without any time passing", async () => {
    await using loop = setup();
    await loop.scene.clock.advance(0);
    expect(loop.scene.passes).toBe(1);
    for (const pass of [2, 3, 4]) {
      loop.wake();
      await loop.scene.clock.advance(0);
      expect(loop.scene.passes).toBe(pass);
    }
  });

  it("makes any number of wakes during a pass one next pass", async () => {
    await using loop = setup();
    await loop.scene.clock.advance(0);
    const { promise, resolve } = Promise.withResolvers<void>();
    loop.scene.during = promise;
    loop.wake();
    await loop.scene.clock.advance(0);
    for (let wakes = 0; wakes < 5; wakes++) loop.wake();
    await loop.scene.clock.advance(0);
    expect(loop.scene.passes).toBe(2);
    resolve();
    await loop.scene.clock.advance(0);
    expect(loop.scene.passes).toBe(3);
  });

  it("keeps a distance after a pass that left jobs waiting, however often it is woken", async () => {
    await using loop = setup("waiting");
    await loop.scene.clock.advance(0);
    for (let wakes = 0; wakes < 5; wakes++) {
      loop.wake();
      await loop.scene.clock.advance(1);
    }
    expect(loop.scene.passes).toBe(1);
    await loop.scene.clock.advance(WAITING_PAUSE_MS);
    expect(loop.scene.passes).toBe(2);
  });

  it("is at once again when the last pass is long enough ago, jobs waiting or not", async () => {
    await using loop = setup("waiting");
    await loop.scene.clock.advance(WAITING_PAUSE_MS);
    expect(loop.scene.passes).toBe(1);
    loop.wake();
    await loop.scene.clock.advance(0);
    expect(loop.scene.passes).toBe(2);
  });

  it("goes on at once while there is more than one pass looks at", async () => {
    await using loop = setup("more");
    expect(loop.scene.passes).toBe(1);
    const { promise, resolve } = Promise.withResolvers<void>();
    loop.scene.during = promise;
    await loop.scene.clock.advance(0);
    loop.scene.leaves = "idle";
    resolve();
    await loop.scene.clock.advance(0);
    expect(loop.scene.passes).toBe(2);
  });

  it("looks by itself at every polling interval", async () => {
    await using loop = setup();
    await loop.scene.clock.advance(2 * POLLING_MS);
    expect(loop.scene.passes).toBe(3);
  });

  it("outlives a pass that fails, says so, and does not spin on wakes", async () => {
    await using loop = setup();
    await loop.scene.clock.advance(0);
    loop.scene.fails = true;
    for (let wakes = 0; wakes < 3; wakes++) {
      loop.wake();
      await loop.scene.clock.advance(0);
    }
    expect(loop.scene.passes).toBe(2);
    expect(loop.scene.logger.lines).toMatchObject([{ level: "error", fields: { error: "the database is away" } }]);
    loop.scene.fails = false;
    await loop.scene.clock.advance(WAITING_PAUSE_MS);
    expect(loop.scene.passes).toBe(3);
  });

  it("ends during its pause, with nothing asleep", async () => {
    const loop = setup("waiting");
    await loop.scene.clock.advance(0);
    await loop[Symbol.asyncDispose]();
    expect([loop.scene.passes, loop.scene.clock.sleeping]).toEqual([1, 0]);
  });
});
