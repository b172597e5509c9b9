import { AppError, PRIMITIVES_ERRORS } from "@cyxwiz/primitives";
import { expect, test } from "vitest";
import { VirtualClock } from "../clock/virtual-clock.ts";
import { BoundedQueue } from "./bounded-queue.ts";
import { retry } from "./retry.ts";

function setup(): { clock: VirtualClock; options: Parameters<typeof retry>[1]; delays: number[] } {
  const clock = new VirtualClock();
  const delays: number[] = [];
  const options = {
    clock,
    random: () => 1,
    attempts: 4,
    firstDelayMs: 100,
    maxDelayMs: 300,
    onRetry: (_error: unknown, _attempt: number, delayMs: number) => delays.push(delayMs),
  };
  return { clock, options, delays };
}

test("retry waits longer each time, up to the cap, and gives the first success", async () => {
  const { clock, options, delays } = setup();
  const result = retry(async (attempt) => {
    if (attempt < 4) throw new TypeError("not yet");
    return attempt;
  }, options);
  await clock.advance(1000);
  expect(await result).toBe(4);
  expect(delays).toEqual([100, 200, 300]);
});

test("retry gives up at once on an error that can never succeed", async () => {
  const { options, delays } = setup();
  const error = new AppError(PRIMITIVES_ERRORS.AMOUNT_MALFORMED, { value: "x" });
  await expect(retry(() => Promise.reject(error), options)).rejects.toBe(error);
  expect(delays).toEqual([]);
});

test("retry stops after its attempts with the last error", async () => {
  const { clock, options } = setup();
  const result = retry((attempt) => Promise.reject(new TypeError(`attempt ${attempt}`)), options);
  const outcome = expect(result).rejects.toThrow("attempt 4");
  await clock.advance(1000);
  await outcome;
});

test("a bounded queue refuses what it cannot hold and keeps order", async () => {
  const queue = new BoundedQueue<number>(2);
  expect([queue.push(1), queue.push(2), queue.push(3)]).toEqual([true, true, false]);
  queue.close();
  expect(queue.push(4)).toBe(false);
  expect(await Array.fromAsync(queue)).toEqual([1, 2]);
});

test("a consumer that waits is woken, and a failure reaches it after the queued items", async () => {
  const queue = new BoundedQueue<string>(2);
  const seen: string[] = [];
  const consumer = (async () => {
    for await (const item of queue) seen.push(item);
  })();
  const outcome = expect(consumer).rejects.toThrow("wire cut");
  await Promise.resolve();
  queue.push("a");
  queue.fail(new TypeError("wire cut"));
  await outcome;
  expect(seen).toEqual(["a"]);
});
