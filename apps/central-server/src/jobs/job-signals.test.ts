import { describe, expect, it } from "vitest";
import type { JobId } from "@cyxwiz/primitives";
import { JobSignals } from "./job-signals.ts";

const JOB = "5b1c7a2e-57c5-4c1d-9c1f-1f6f2d1f0a02" as JobId;

describe("job signals", () => {
  it("wake a watcher at once and once for any number of changes", async () => {
    const signals = new JobSignals();
    const stop = new AbortController();
    const watch = signals.watch(JOB, stop.signal);
    expect((await watch.next()).done).toBe(false);
    signals.changed(JOB);
    signals.changed(JOB);
    expect((await watch.next()).done).toBe(false);
    const third = watch.next();
    stop.abort();
    expect((await third).done).toBe(true);
  });

  it("of one job wake nobody who watches another", async () => {
    const signals = new JobSignals();
    const stop = new AbortController();
    const watch = signals.watch(JOB, stop.signal);
    await watch.next();
    let isWoken = false;
    const next = watch.next().then(() => (isWoken = true));
    signals.changed("5b1c7a2e-57c5-4c1d-9c1f-1f6f2d1f0a03" as JobId);
    await Promise.resolve();
    expect(isWoken).toBe(false);
    stop.abort();
    await next;
  });

  it("tell listeners of every change of any job, before they wake who watches it", async () => {
    const signals = new JobSignals();
    const stop = new AbortController();
    const order: string[] = [];
    signals.onChange((jobId) => order.push(jobId));
    const watch = signals.watch(JOB, stop.signal);
    await watch.next();
    const next = watch.next().then(() => order.push("woken"));
    signals.changed(JOB);
    await next;
    signals.changed(JOB);
    stop.abort();
    expect(order).toEqual([JOB, "woken", JOB]);
  });
});
