/** What nodes of the test compute challenges with. The processes and their products are real in all of them. */
import { setTimeout as sleep } from "node:timers/promises";
import { startCalibrator, type Calibrator, type ComputedRound, type RoundRequest } from "@cyxwiz/backend";
import { operationsOf } from "@cyxwiz/market";

/** Computes what is asked, ahead of other programs that give way. */
export function honest(): Calibrator {
  return startCalibrator({ niceness: 0 });
}

/** Computes what is asked and changes one element of it. */
export function miscounting(): Calibrator {
  const real = honest();
  return {
    compute: async (request) => {
      const computed = await real.compute(request);
      const { product } = computed;
      const at = Math.floor(product.length / 2);
      // Another residue of the same field: nothing but the product itself shows it.
      return { ...computed, product: new Uint8Array(product).with(at, ((product[at] ?? 0) + 1) % 31) };
    },
    [Symbol.asyncDispose]: () => real[Symbol.asyncDispose](),
  };
}

/**
 * One device, whoever sells it: a process that computes one round after the other. Rounds that came together share it in
 * equal parts, so none is ready before the last.
 *
 * Its speed is set, in operations a second, below what the processor does: other programs then change little.
 */
export class SharedDevice implements AsyncDisposable {
  readonly #flopsPerSecond: number;
  readonly #process: Calibrator = honest();
  #last: Promise<unknown> = Promise.resolve();

  constructor(flopsPerSecond: number) {
    this.#flopsPerSecond = flopsPerSecond;
  }

  /** What a node that sells it computes challenges with. */
  calibrator(): Calibrator {
    return { compute: (request) => this.#inTurn(request), [Symbol.asyncDispose]: async () => undefined };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
  }

  async #inTurn(request: RoundRequest): Promise<ComputedRound> {
    const own = this.#last.then(() => this.#compute(request));
    this.#last = own.catch(() => undefined);
    const computed = await own;
    await this.#last;
    return computed;
  }

  async #compute(request: RoundRequest): Promise<ComputedRound> {
    const takesMs = (1_000 * operationsOf(request.round)) / this.#flopsPerSecond;
    const [computed] = await Promise.all([this.#process.compute(request), sleep(takesMs)]);
    return computed;
  }
}

/** Begins a challenge and does not get on with it: until it is opened, or ended for work. */
export class Holding {
  isOpen = false;
  /** Rounds that were begun. */
  begun = 0;
  /** Processes that were ended. */
  ended = 0;

  calibrator(): Calibrator {
    const real = honest();
    const ended = Promise.withResolvers<void>();
    return {
      compute: async (request) => {
        this.begun++;
        if (!this.isOpen) await ended.promise;
        return real.compute(request);
      },
      [Symbol.asyncDispose]: async () => {
        this.ended++;
        await real[Symbol.asyncDispose]();
        ended.resolve();
      },
    };
  }
}
