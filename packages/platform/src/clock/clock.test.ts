import { expect, test } from "vitest";
import { clockContract } from "./clock.contract.ts";
import { systemClock } from "./system-clock.ts";
import { VirtualClock } from "./virtual-clock.ts";

clockContract("system", () => ({ clock: systemClock, pass: (ms) => systemClock.sleep(ms) }));
clockContract("virtual", () => {
  const clock = new VirtualClock();
  return { clock, pass: (ms) => clock.advance(ms) };
});

test("virtual sleepers wake in the order of their time", async () => {
  const clock = new VirtualClock();
  const woken: string[] = [];
  void clock.sleep(20).then(() => woken.push("late"));
  void clock.sleep(10).then(() => woken.push("early"));
  await clock.advance(15);
  expect(woken).toEqual(["early"]);
  await clock.advance(10);
  expect(woken).toEqual(["early", "late"]);
  expect(clock.sleeping).toBe(0);
});
