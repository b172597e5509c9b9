/** Tasks that wait for their answers, in memory: how long they took is known to the millisecond and to nobody else. */
import type { Clock } from "@cyxwiz/platform";
import type { NodeId } from "@cyxwiz/primitives";
import type { CalibrationAnswer } from "@cyxwiz/protocol";

/** The wire's answer as a plain object. */
export type TaskAnswer = Omit<CalibrationAnswer, "$typeName" | "$unknown" | "results"> & {
  readonly results: readonly { readonly size: number; readonly product: Uint8Array; readonly seconds: number }[];
};

export interface ArrivedAnswer {
  readonly answer: TaskAnswer;
  /** From hand-out to arrival. */
  readonly seconds: number;
}

interface Waiting {
  readonly nodeId: NodeId;
  readonly unitId: string;
  readonly handedOutAt: number;
  readonly arrived: (answer: ArrivedAnswer | undefined) => void;
}

export class OpenTasks {
  readonly #clock: Clock;
  readonly #waiting = new Map<string, Waiting>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Starts the time of a task. The answer; undefined once it is given up. */
  async answerTo(task: { challengeId: string; nodeId: NodeId; unitId: string }): Promise<ArrivedAnswer | undefined> {
    const { challengeId, nodeId, unitId } = task;
    const { promise, resolve } = Promise.withResolvers<ArrivedAnswer | undefined>();
    this.#waiting.set(challengeId, { nodeId, unitId, handedOutAt: this.#clock.monotonic(), arrived: resolve });
    return promise;
  }

  /** False when nobody waits for this answer of this node. */
  take(nodeId: NodeId, answer: TaskAnswer): boolean {
    const waiting = this.#waiting.get(answer.challengeId);
    if (waiting?.nodeId !== nodeId || waiting.unitId !== answer.unitId) return false;
    this.#waiting.delete(answer.challengeId);
    waiting.arrived({ answer, seconds: (this.#clock.monotonic() - waiting.handedOutAt) / 1_000 });
    return true;
  }

  giveUp(challengeIds: readonly string[]): void {
    for (const challengeId of challengeIds) {
      this.#waiting.get(challengeId)?.arrived(undefined);
      this.#waiting.delete(challengeId);
    }
  }
}
