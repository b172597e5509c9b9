/** What an import had to assume, change or leave out: shown to the person before the graph is used. */
export const ASSUMPTION_CODES = [
  "version-missing",
  "name-changed",
  "parameter-renamed",
  "parameter-not-read",
  "parameter-left-out",
  "activation-made-explicit",
  "wire-dropped",
  "pins-guessed",
  "add-inserted",
  "output-inserted",
  "wire-added",
  "data-node-left-out",
  "layout-changed",
  "dataset-unnamed",
] as const;
export type AssumptionCode = (typeof ASSUMPTION_CODES)[number];

export interface Assumption {
  readonly code: AssumptionCode;
  /** The node's name in the file; empty for the file as a whole. */
  readonly nodeName: string;
  /** Its id in the imported graph; null where it has no node there. */
  readonly nodeId: string | null;
  readonly message: string;
}

/** Training settings that the file suggests. */
export interface SuggestedSettings {
  readonly batchSize?: number;
  readonly epochs?: number;
  /** Shape of a sample, channels first, without the batch axis. */
  readonly sampleShape?: readonly number[];
}
