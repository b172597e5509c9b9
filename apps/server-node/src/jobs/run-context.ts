import type { NodeId } from "@cyxwiz/primitives";
import type { Clock, Logger } from "@cyxwiz/platform";
import type { Artifact, StoredCheckpoint } from "../central/messages.ts";
import type { ReportOutbox } from "../central/report-outbox.ts";
import type { Priority } from "../config/node-config.ts";
import type { CachedObject, ObjectCache } from "./object-cache.ts";
import type { StartTrainer, TrainerAbilities } from "./trainer.ts";

/** What every assignment of a node works with. */
export interface RunContext {
  readonly nodeId: NodeId;
  readonly dataDir: string;
  readonly abilities: TrainerAbilities;
  readonly priority: Priority;
  readonly startTrainer: StartTrainer;
  readonly cache: ObjectCache;
  /** Fetches a checkpoint and compares its hash. @throws AppError `node/checkpoint-mismatch`, as `ObjectCache.fetch`. */
  readonly fetchCheckpoint: (checkpoint: StoredCheckpoint, signal: AbortSignal) => Promise<CachedObject>;
  /** Stores a file, for as long as it takes. */
  readonly upload: (file: string, signal: AbortSignal) => Promise<Artifact>;
  readonly outbox: ReportOutbox;
  readonly clock: Clock;
  readonly logger: Logger;
}
