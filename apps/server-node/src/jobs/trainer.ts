import type { Calibrator, TrainingChange, TrainingEvent, TrainingJob } from "@cyxwiz/backend";
import type { Priority } from "../config/node-config.ts";
import type { UnitSpeed } from "../devices/unit-offer.ts";

/** A training in a process of its own. Disposing it ends the process at once. */
export interface TrainerProcess extends AsyncDisposable {
  /** Ends after "finished", "replayed" or "failed", or when the process is gone. */
  readonly events: AsyncIterable<TrainingEvent>;
  /** Asks it to write a checkpoint and the model as it is now, and to end. */
  stop(): void | Promise<void>;
  /** Makes a change between two steps; a "changed" event says after which. Without effect once the training has ended. */
  change(change: TrainingChange): void;
}

interface TrainerOptions {
  readonly signal: AbortSignal;
  /** The process is ended, with the node to blame, when it needs more. */
  readonly memoryBytes: number;
  readonly priority: Priority;
}

export type StartTrainer = (job: TrainingJob, options: TrainerOptions) => TrainerProcess;

/** What this node's trainer can do; a result names it, because bits are equal only within it. */
export interface TrainerAbilities {
  readonly build: string;
  readonly lowerings: readonly string[];
  readonly hardwareClass: string;
}

/** The port to what trains: the driver of `@cyxwiz/backend`, or a memory one in tests. */
export interface TrainingDriver {
  readonly abilities: TrainerAbilities;
  /** Kinds of device that it computes on. */
  readonly devices: readonly ("cpu" | "gpu")[];
  readonly start: StartTrainer;
  /** A process of its own that answers challenges for one unit. */
  readonly calibrator: () => Calibrator;
  /** Trains a fixed small model for a moment. */
  readonly measure: (threads: number, signal: AbortSignal) => Promise<UnitSpeed>;
}
