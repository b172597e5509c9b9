import { describe, expect, test } from "vitest";
import type { Clock } from "./clock.ts";

/** What every clock promises. `pass` makes the given time go by. */
export function clockContract(name: string, setup: () => { clock: Clock; pass: (ms: number) => Promise<void> }): void {
  describe(`clock contract: ${name}`, () => {
    test("a sleep ends after its time, not before", async () => {
      const { clock, pass } = setup();
      const start = clock.monotonic();
      const slept = clock.sleep(30);
      await pass(60);
      await slept;
      expect(clock.monotonic() - start).toBeGreaterThanOrEqual(29);
    });

    test("an aborted sleep rejects with the reason", async () => {
      const { clock } = setup();
      const controller = new AbortController();
      const slept = clock.sleep(60_000, controller.signal);
      controller.abort();
      await expect(slept).rejects.toMatchObject({ name: "AbortError" });
    });

    test("a sleep on an aborted signal does not start", async () => {
      const { clock } = setup();
      await expect(clock.sleep(60_000, AbortSignal.abort())).rejects.toMatchObject({ name: "AbortError" });
    });
  });
}
