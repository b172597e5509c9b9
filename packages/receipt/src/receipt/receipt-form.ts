/**
 * The form of a receipt, member by member, as `receipt.ts` and `chain-entry.ts` say it. It knows what each value may look
 * like and nothing of what they mean together: that is `check-receipt.ts`.
 */
import { parseAmount, parseCid, parseJobId, parseUnitId } from "@cyxwiz/primitives";
import type { ChainEntry } from "../chain/chain-entry.ts";
import {
  byKind,
  finite,
  flag,
  list,
  object,
  oneOf,
  orNull,
  text,
  textFor,
  whole,
  type Reader,
} from "../form/reader.ts";
import type { Interval } from "../interval/interval.ts";
import { MAX_CHAIN_ENTRIES, MAX_RECEIPT_RERUNS, MAX_RECEIPT_SHARES, MAX_RECEIPT_TEXT } from "../limits.ts";
import { RERUN_OUTCOMES, VERDICTS } from "../verdict/verdict.ts";
import type { ReceiptArtifact, ReceiptBody, ReceiptRerun, SignedReceipt } from "./receipt.ts";

const step = whole(0);
const hash = text(/^[0-9a-f]{64}$/, "64 lower-case hexadecimal digits");
const uuid = textFor(parseJobId, "a UUID");
const cid = textFor(parseCid, "a CID, version 1, in base32 (bafy…)");
const money = textFor(parseAmount, 'an amount of CYXWIZ with at most 9 decimals, like "12.5"');
const freeText = text(new RegExp(`^.{0,${MAX_RECEIPT_TEXT}}$`, "su"), `at most ${MAX_RECEIPT_TEXT} characters`);
// 64 bytes: the last digit holds two bits, so its other four are zero and each signature has one text.
const signature = text(/^[A-Za-z0-9_-]{85}[AQgw]$/, "an Ed25519 signature: 64 bytes in base64url");
const utcTime = text(
  /^\d{4}-(?:0\d|1[0-2])-(?:[0-2]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?Z$/,
  "a time in UTC, like 2026-01-31T12:00:00.000Z",
);

const chainEntry: Reader<ChainEntry> = byKind<ChainEntry>({
  run: object({
    kind: oneOf("run"),
    job_id: uuid,
    graph_sha256: hash,
    dataset_cid: cid,
    seed: text(/^\d{1,20}$/, "an unsigned 64-bit number in decimal digits"),
    batch_size: whole(1),
    epochs: whole(1),
    learning_rate: orNull(finite),
    checkpoint_every_steps: whole(1),
    total_steps: whole(1),
    initial_sha256: hash,
  }),
  segment: object({
    kind: oneOf("segment"),
    from_step: step,
    node_id: uuid,
    lowering: freeText,
    build: freeText,
    hardware_class: freeText,
    threads: whole(1),
  }),
  checkpoint: object({ kind: oneOf("checkpoint"), step: whole(1), cid, sha256: hash, size_bytes: whole(1) }),
  change: object({
    kind: oneOf("change"),
    change_id: uuid,
    step,
    learning_rate: orNull(finite),
    batch_size: orNull(whole(1)),
    stop: flag,
    signature,
  }),
  result: object({ kind: oneOf("result"), step: whole(1), onnx_sha256: hash, weights_sha256: hash }),
});

const artifact: Reader<ReceiptArtifact> = object<ReceiptArtifact>({ cid, sha256: hash, size_bytes: whole(1) });

const rerun: Reader<ReceiptRerun> = object<ReceiptRerun>({
  node_id: uuid,
  is_platform: flag,
  lowering: freeText,
  build: freeText,
  hardware_class: freeText,
  outcome: oneOf(...RERUN_OUTCOMES),
  distance: orNull(finite),
  paid: money,
});

const body: Reader<ReceiptBody> = object<ReceiptBody>({
  format: oneOf("cyxwiz-receipt"),
  version: oneOf(1),
  network: freeText,
  job_id: uuid,
  name: freeText,
  issued_at: utcTime,
  outcome: oneOf("completed", "cancelled", "failed-by-job"),
  chain: list(chainEntry, MAX_CHAIN_ENTRIES),
  root: hash,
  result: object<ReceiptBody["result"]>({ onnx: orNull(artifact), weights: orNull(artifact) }),
  verification: object<ReceiptBody["verification"]>({
    verdict: oneOf(...VERDICTS),
    interval: orNull(object<Interval>({ from: step, to: step })),
    reruns: list(rerun, MAX_RECEIPT_RERUNS),
    paid: money,
  }),
  payment: object<ReceiptBody["payment"]>({
    rail: oneOf("ledger", "solana"),
    simulated: flag,
    quoted: money,
    due: money,
    owners: list(
      object<ReceiptBody["payment"]["owners"][number]>({
        node_id: uuid,
        unit_id: textFor(parseUnitId, "a unit id like unit_gpu0_xyz123"),
        amount: money,
      }),
      MAX_RECEIPT_SHARES,
    ),
    platform: money,
    refunded: money,
  }),
});

/** Reads a signed receipt: exactly the members of its type, each of its form. */
export const readSignedReceipt: Reader<SignedReceipt> = object<SignedReceipt>({
  receipt: body,
  signature: object<SignedReceipt["signature"]>({
    algorithm: oneOf("ed25519"),
    key_id: text(/^[0-9a-f]{16}$/, "16 lower-case hexadecimal digits"),
    value: signature,
  }),
});
