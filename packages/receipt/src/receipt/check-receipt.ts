/**
 * Whether a receipt is true as far as it can be seen from the receipt and the market's public keys: no server is asked.
 *
 * In this order, the first that fails is named: form, network, key, signature, order of the chain, its root, what the
 * receipt repeats from the chain, the signatures of the user's changes, the verdict, the sums. Whether the artifacts are
 * those of the receipt is for whoever holds them to see: hash them and compare.
 * @see SPEC RCP1 to RCP10.
 */
import { AppError } from "@cyxwiz/primitives";
import { canonicalJson } from "../canonical/canonical-json.ts";
import type { ResultEntry } from "../chain/chain-entry.ts";
import { chainRoot, type Sha256 } from "../chain/chain.ts";
import { changeText } from "../chain/change-text.ts";
import { checkChain, committedStep, runOf } from "../chain/check-chain.ts";
import { RECEIPT_ERRORS } from "../errors.ts";
import type { Interval } from "../interval/interval.ts";
import { checkSums } from "./check-sums.ts";
import { checkVerdict } from "./check-verdict.ts";
import { readSignedReceipt } from "./receipt-form.ts";
import type { ReceiptBody, ReceiptKey, SignedReceipt } from "./receipt.ts";

/**
 * Whether `signature` (base64url) is the Ed25519 signature of the text's UTF-8 bytes under the key (SPKI, PEM). It says
 * false to what is no signature.
 */
export type VerifySignature = (publicKeyPem: string, text: string, signature: string) => boolean;

export interface ReceiptCheck {
  /** The keys that the caller trusts: fetched from the market, or kept from before. */
  readonly keys: readonly ReceiptKey[];
  /** The market that the receipt has to be of, where the caller knows it. */
  readonly network?: string;
  readonly verify: VerifySignature;
  readonly sha256: Sha256;
}

/**
 * Checks a signed receipt, whatever it is, and returns its body. Cost: a hash for each entry of the chain, a signature
 * check for the receipt and for each change.
 * @throws AppError `receipt/malformed`, `receipt/network-mismatch`, `receipt/key-unknown`, `receipt/signature-mismatch`,
 * `receipt/chain-malformed`, `receipt/chain-gap`, `receipt/chain-mismatch`, `receipt/verdict-mismatch`,
 * `receipt/sum-mismatch`; nothing else, as long as `verify` and `sha256` throw nothing.
 */
export function checkReceipt(signed: unknown, check: ReceiptCheck): ReceiptBody {
  const { receipt, signature } = readSignedReceipt(signed, "the receipt");
  checkNetwork(receipt.network, check.network);
  const key = keyOf(signature, receipt.network, check.keys);
  if (!check.verify(key.public_key, canonicalJson(receipt), signature.value)) {
    throw new AppError(RECEIPT_ERRORS.SIGNATURE_MISMATCH, { what: "the receipt", keyId: key.key_id });
  }
  checkChain(receipt.chain);
  checkRoot(receipt, check.sha256);
  checkRepeated(receipt);
  checkChanges(receipt, key, check);
  checkVerdict(receipt);
  checkSums(receipt);
  return receipt;
}

function checkNetwork(network: string, expected: string | undefined): void {
  if (expected !== undefined && network !== expected) {
    throw new AppError(RECEIPT_ERRORS.NETWORK_MISMATCH, { what: "the receipt", network, expected });
  }
}

/** The trusted key that the receipt names, of the receipt's own network. */
function keyOf({ key_id }: SignedReceipt["signature"], network: string, keys: readonly ReceiptKey[]): ReceiptKey {
  const named = keys.filter((candidate) => candidate.key_id === key_id);
  const key = named.find((candidate) => candidate.network === network);
  if (key !== undefined) return key;
  const [other] = named;
  if (other === undefined) {
    const known = keys.map((candidate) => candidate.key_id);
    throw new AppError(RECEIPT_ERRORS.KEY_UNKNOWN, { keyId: key_id, known });
  }
  const what = `the key ${key_id}`;
  throw new AppError(RECEIPT_ERRORS.NETWORK_MISMATCH, { what, network: other.network, expected: network });
}

function checkRoot({ chain, root }: ReceiptBody, sha256: Sha256): void {
  const computed = chainRoot(chain, sha256);
  if (root !== computed) throw mismatch("root", root, computed);
}

/** What the receipt says outside the chain is what the chain says: the job, the outcome, the artifacts, the interval. */
function checkRepeated({ job_id, outcome, chain, result, verification }: ReceiptBody): void {
  const run = runOf(chain);
  if (run.job_id !== job_id) throw mismatch("job_id", job_id, run.job_id);
  const end = chain.findLast((entry) => entry.kind === "result");
  checkOutcome(chain, outcome, end);
  const { onnx, weights } = result;
  const pairs = [
    ["result.onnx", onnx?.sha256, end?.onnx_sha256],
    ["result.weights", weights?.sha256, end?.weights_sha256],
  ] as const;
  for (const [what, shown, hashed] of pairs) {
    if (shown !== hashed) throw mismatch(what, shown ?? "null", hashed ?? "that there is no result");
  }
  if (verification.interval !== null) checkInterval(chain, outcome, verification.interval);
}

/**
 * A completed job has a result of its last step, or of the one where the user stopped it; a cancelled one may have a
 * result of what it reached; one that failed has none.
 */
function checkOutcome(
  chain: ReceiptBody["chain"],
  outcome: ReceiptBody["outcome"],
  end: ResultEntry | undefined,
): void {
  const stop = chain.find((entry) => entry.kind === "change" && entry.stop);
  const last = stop?.kind === "change" ? stop.step : runOf(chain).total_steps;
  const result = end === undefined ? "that there is no result" : `that its result is of step ${end.step}`;
  const isOutcome: Readonly<Record<typeof outcome, boolean>> = {
    completed: end?.step === last,
    cancelled: true,
    "failed-by-job": end === undefined,
  };
  if (!isOutcome[outcome]) throw mismatch("outcome", outcome, `${result} and the job ends at step ${last}`);
}

/** The interval begins where the job began or at a checkpoint, and ends at a later one, or where the job failed. */
function checkInterval(chain: ReceiptBody["chain"], outcome: ReceiptBody["outcome"], { from, to }: Interval): void {
  const steps = new Set(chain.filter((entry) => entry.kind === "checkpoint").map((entry) => entry.step));
  const isBegin = from === 0 || steps.has(from);
  const isEnd = from < to && steps.has(to);
  const isFailure =
    outcome === "failed-by-job" && from === committedStep(chain) && from <= to && to <= runOf(chain).total_steps;
  if (isBegin && (isEnd || isFailure)) return;
  throw mismatch("verification.interval", `${from} to ${to}`, "that these are not two of its checkpoints in order");
}

/** Every change was passed on by the server: signed by the receipt's key, or by another one of that market. */
function checkChanges({ job_id, chain, network }: ReceiptBody, key: ReceiptKey, { keys, verify }: ReceiptCheck): void {
  const others = keys.filter((candidate) => candidate.network === network && candidate !== key);
  for (const entry of chain) {
    if (entry.kind !== "change") continue;
    const text = changeText(job_id, entry);
    if (![key, ...others].some(({ public_key }) => verify(public_key, text, entry.signature))) {
      const what = `the change ${entry.change_id}`;
      throw new AppError(RECEIPT_ERRORS.SIGNATURE_MISMATCH, { what, keyId: key.key_id });
    }
  }
}

function mismatch(what: string, claimed: string, chain: string): AppError {
  return new AppError(RECEIPT_ERRORS.CHAIN_MISMATCH, { what, claimed, chain });
}
