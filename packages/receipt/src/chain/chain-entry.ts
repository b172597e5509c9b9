/**
 * What a job's checkpoint chain is made of, in the order in which it happened.
 *
 * Field names are those of the receipt, because the entries are hashed in the form in which they are shown. Hashes are
 * lower-case hex SHA-256; steps count from 1, and step 0 is the state before the first.
 */

/** What is trained: everything that the initial state and every step follow from. The first entry. */
export interface RunEntry {
  readonly kind: "run";
  readonly job_id: string;
  readonly graph_sha256: string;
  readonly dataset_cid: string;
  /** Unsigned 64-bit, decimal digits. */
  readonly seed: string;
  readonly batch_size: number;
  readonly epochs: number;
  /** null: the optimizer's own. */
  readonly learning_rate: number | null;
  readonly checkpoint_every_steps: number;
  readonly total_steps: number;
  /** Of the initial state as a checkpoint file. */
  readonly initial_sha256: string;
}

/** One attempt's part: on which node and with what the steps from here on were computed. */
export interface SegmentEntry {
  readonly kind: "segment";
  readonly from_step: number;
  readonly node_id: string;
  readonly lowering: string;
  readonly build: string;
  readonly hardware_class: string;
  /** Computing threads: products are parted by them, so another number sums in another order and gives other bits. */
  readonly threads: number;
}

export interface CheckpointEntry {
  readonly kind: "checkpoint";
  readonly step: number;
  readonly cid: string;
  readonly sha256: string;
  readonly size_bytes: number;
}

/** A change by the user. It holds for the steps after `step`. */
export interface ChangeEntry {
  readonly kind: "change";
  readonly change_id: string;
  readonly step: number;
  readonly learning_rate: number | null;
  readonly batch_size: number | null;
  readonly stop: boolean;
  /** The server's signature over the change without its step (`changeText`), base64url. */
  readonly signature: string;
}

/** The model that the last checkpoint became. The last entry of a job that delivered one, a cancelled one too. */
export interface ResultEntry {
  readonly kind: "result";
  readonly step: number;
  readonly onnx_sha256: string;
  readonly weights_sha256: string;
}

export type ChainEntry = RunEntry | SegmentEntry | CheckpointEntry | ChangeEntry | ResultEntry;
