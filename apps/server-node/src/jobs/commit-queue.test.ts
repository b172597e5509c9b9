import { expect, test } from "vitest";
import { WAITING_UPLOADS } from "../limits.ts";
import { CommitQueue } from "./commit-queue.ts";

const never = (): void => {
  throw new TypeError("no commit fails in this test");
};

test("commits happen one after the other, in the order in which they were added", async () => {
  const queue = new CommitQueue(never);
  const slow = Promise.withResolvers<void>();
  const done: string[] = [];
  await queue.add(async () => {
    await slow.promise;
    done.push("slow");
  });
  await queue.add(async () => void done.push("quick"));
  expect(done).toEqual([]);
  slow.resolve();
  await queue.settled();
  expect(done).toEqual(["slow", "quick"]);
});

test("whoever adds waits once too many wait", async () => {
  const queue = new CommitQueue(never);
  const slow = Promise.withResolvers<void>();
  for (let i = 1; i < WAITING_UPLOADS; i++) await queue.add(() => slow.promise);
  let isAdded = false;
  const added = queue.add(() => slow.promise).then(() => (isAdded = true));
  await Promise.resolve();
  expect(isAdded).toBe(false);
  slow.resolve();
  await added;
});

test("the first failure ends the queue: what comes after it is not committed", async () => {
  const failures: string[] = [];
  const queue = new CommitQueue(() => failures.push("told"));
  await queue.add(() => Promise.reject(new TypeError("disk")));
  await queue.add(async () => void failures.push("committed"));
  await queue.add(() => Promise.reject(new TypeError("later")));
  await expect(queue.settled()).rejects.toThrow("disk");
  expect(failures).toEqual(["told"]);
});
