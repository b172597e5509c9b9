/** What a liar does otherwise than the node's own program, at the two places where it could be changed. */
import type { TrainingEvent, TrainingJob } from "@cyxwiz/backend";
import type { NodeReport } from "../../../apps/server-node/src/central/messages.ts";
import type { StartTrainer } from "../../../apps/server-node/src/jobs/trainer.ts";

/** Tells events of a training or a re-run that was not done as asked. */
export type Tale = (job: TrainingJob) => AsyncIterable<TrainingEvent>;

export interface Lie {
  /** In place of the trainer. */
  readonly tell?: Tale;
  /** On the way of a report to the server. */
  readonly report?: (report: NodeReport) => NodeReport;
}

/** A trainer that lies wherever `lieFor` says so, and is the real one everywhere else. */
export function lyingTrainer(real: StartTrainer, lieFor: (job: TrainingJob) => Lie | undefined): StartTrainer {
  return (job, options) => {
    const tell = lieFor(job)?.tell;
    if (!tell) return real(job, options);
    const done = async (): Promise<void> => undefined;
    return { events: tell(job), stop: () => undefined, change: () => undefined, [Symbol.asyncDispose]: done };
  };
}
