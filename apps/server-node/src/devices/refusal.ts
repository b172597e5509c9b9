import type { ErrorSpec } from "@cyxwiz/primitives";

/** An expected no, as data: the code of an error table and its message. */
export interface Refusal {
  readonly kind: "refused";
  readonly code: string;
  readonly message: string;
}

/** Fills a table entry without throwing it. Pure. */
export function refusal<Context>(spec: ErrorSpec<Context>, context: Context): Refusal {
  return { kind: "refused", code: spec.code, message: spec.message(context) };
}
