import { AppError } from "@cyxwiz/primitives";
import { RECEIPT_ERRORS } from "../errors.ts";
import type { Verdict } from "../verdict/verdict.ts";
import type { ReceiptBody } from "./receipt.ts";

/** What a receipt has to show for its verdict. It names nodes and no owners, so this is what `judge` needs at least. */
const NEEDED: Readonly<Record<Verdict, string>> = {
  verified: "an interval, and a re-run of it that agrees",
  plausible: "an interval, and a re-run of it that is plausible or agrees",
  refused: "an interval, and re-runs of it on two nodes that disagree or are implausible",
  unverified: "nothing",
};

/**
 * Checks that a receipt's re-runs can have led to its verdict, and that none is by a node that trained the job.
 * @throws AppError `receipt/verdict-mismatch`.
 * @see SPEC RCP8.
 */
export function checkVerdict({ chain, verification }: ReceiptBody): void {
  const { verdict, interval, reruns } = verification;
  const trainers = new Set(chain.filter((entry) => entry.kind === "segment").map((entry) => entry.node_id));
  const own = reruns.find((rerun) => trainers.has(rerun.node_id));
  if (own !== undefined) {
    throw mismatch(verdict, `a re-run by the node ${own.node_id}, which trained the job`, "re-runs by other nodes");
  }
  const refusing = reruns.filter(({ outcome }) => outcome === "disagrees" || outcome === "implausible");
  const isShown: Readonly<Record<Verdict, boolean>> = {
    verified: reruns.some(({ outcome }) => outcome === "agrees"),
    plausible: reruns.some(({ outcome }) => outcome === "plausible" || outcome === "agrees"),
    refused: new Set(refusing.map((rerun) => rerun.node_id)).size >= 2,
    unverified: true,
  };
  if (isShown[verdict] && (interval !== null || verdict === "unverified")) return;
  const outcomes = reruns.map((rerun) => rerun.outcome).join(", ");
  const found = interval === null ? "no interval" : `the re-runs [${outcomes}]`;
  throw mismatch(verdict, found, NEEDED[verdict]);
}

function mismatch(verdict: Verdict, found: string, allowed: string): AppError {
  return new AppError(RECEIPT_ERRORS.VERDICT_MISMATCH, { verdict, found, allowed });
}
