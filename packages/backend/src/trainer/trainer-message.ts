/** What a trainer process and its parent say to each other over Node's IPC channel, as structured clones: a distance may be infinite. */
import type { TrainingChange, TrainingEvent, TrainingJob } from "./training-job.ts";

export type ToTrainer =
  | { readonly kind: "start"; readonly job: TrainingJob; readonly memoryBytes: number | null }
  | { readonly kind: "change"; readonly change: TrainingChange }
  | { readonly kind: "stop" };

export type FromTrainer =
  | { readonly kind: "event"; readonly event: TrainingEvent }
  | { readonly kind: "notice"; readonly text: string };
