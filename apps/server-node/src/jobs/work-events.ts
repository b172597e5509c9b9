import { AppError } from "@cyxwiz/primitives";
import type { TrainingEvent } from "@cyxwiz/backend";
import type { Assignment } from "../central/messages.ts";
import { NODE_ERRORS } from "../errors.ts";
import { ProgressRelay } from "./progress-relay.ts";
import type { WorkSite } from "./work-site.ts";

type WorkEvent = Exclude<TrainingEvent, { readonly kind: "progress" | "epoch" }>;

/**
 * A trainer's events as every kind of work treats them: its start is checked, its steps are counted, and its progress
 * goes to the server, which takes it for a sign of life. What is left is the work's own.
 * @throws AppError `node/lowering-unsupported`, `node/steps-mismatch`.
 */
export async function* workEvents(
  events: AsyncIterable<TrainingEvent>,
  { site, assignment }: { readonly site: WorkSite; readonly assignment: Assignment },
): AsyncGenerator<WorkEvent> {
  const { clock } = site.context;
  const relay = new ProgressRelay(assignment.totalSteps, clock.monotonic());
  for await (const event of events) {
    if ("step" in event) site.step = Math.max(site.step, event.step);
    if (event.kind === "progress" || event.kind === "epoch") {
      const progress = relay.take(event, clock.monotonic());
      if (progress) site.push({ kind: "progress", ...progress });
      continue;
    }
    if (event.kind === "started") checkStart(event, assignment);
    yield event;
  }
}

function checkStart(event: Extract<TrainingEvent, { kind: "started" }>, { lowering, totalSteps }: Assignment): void {
  if (event.lowering !== lowering) {
    throw new AppError(NODE_ERRORS.LOWERING_UNSUPPORTED, { lowering, supported: [event.lowering] });
  }
  if (event.totalSteps !== totalSteps) {
    throw new AppError(NODE_ERRORS.STEPS_MISMATCH, { found: event.totalSteps, expected: totalSteps });
  }
}
