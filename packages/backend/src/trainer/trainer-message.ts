/** What a trainer process and its parent say to each other over Node's IPC channel, as JSON. */
import type { TrainingEvent, TrainingJob } from "./training-job.ts";

export type ToTrainer =
  | { readonly kind: "start"; readonly job: TrainingJob; readonly memoryBytes: number | null }
  | { readonly kind: "stop" };

export type FromTrainer =
  | { readonly kind: "event"; readonly event: TrainingEvent }
  | { readonly kind: "notice"; readonly text: string };
