import type { Artifact, ReportBody } from "../central/messages.ts";
import { NODE_ERRORS } from "../errors.ts";

/** Why work is to end early: the server called it off, or this node is going away. */
export type Stop = { readonly kind: "cancel"; readonly keepModel: boolean } | { readonly kind: "drain" };

/** A cooperative end, which may be asked for at any time. */
export class StopRequest {
  #asked: Stop | undefined;
  readonly #asking = new AbortController();

  /** The first request counts, except that a cancel overrides a drain. */
  ask(stop: Stop): void {
    if (this.#asked?.kind === "cancel") return;
    this.#asked = stop;
    this.#asking.abort();
  }

  get asked(): Stop | undefined {
    return this.#asked;
  }

  /** Aborts with the first request. */
  get signal(): AbortSignal {
    return this.#asking.signal;
  }
}

/** The last report of work that was stopped. */
export function stoppedReport(
  stop: Stop,
  step: number,
  model: { readonly onnx?: Artifact; readonly weights?: Artifact } = {},
): ReportBody {
  if (stop.kind === "cancel") return { kind: "cancelled", step, ...model };
  const { code, message } = NODE_ERRORS.NODE_DRAINING;
  return { kind: "failed", blame: "node", code, message: message({}), step };
}
