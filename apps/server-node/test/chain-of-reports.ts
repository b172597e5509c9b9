/** The chain as a server builds it, from nothing but what it was told. */
import { createHash } from "node:crypto";
import { type ChainEntry, chainRoot, checkChain } from "@cyxwiz/receipt";
import type { LiveChange, NodeReport, TrainAssignment } from "../src/central/messages.ts";
import { runEntry } from "../src/jobs/checkpoint-chain.ts";
import type { TrainerAbilities } from "../src/jobs/trainer.ts";
import { NODE_ID } from "./sample-assignment.ts";

/** One attempt as the server saw it. */
export interface Attempt {
  readonly assignment: TrainAssignment;
  readonly changes?: readonly LiveChange[];
  readonly reports: readonly NodeReport[];
  /** What trained; the scripted driver when left out. */
  readonly by?: Pick<TrainerAbilities, "build" | "hardwareClass">;
}

/** The root over all attempts of a job, whose entries are checked to make sense. */
export function rootOfReports(attempts: readonly Attempt[]): string {
  const entries = attempts.flatMap(entriesOf);
  if (entries.at(-1)?.kind === "result") checkChain(entries);
  return chainRoot(entries, (bytes) => createHash("sha256").update(bytes).digest());
}

const SCRIPTED = { build: "scripted-1", hardwareClass: "x64-test" };

function entriesOf({ assignment, changes = [], reports, by = SCRIPTED }: Attempt): readonly ChainEntry[] {
  const commits = reports.flatMap((report) => commitsOf(report, changes));
  const result = reports.find((report) => report.kind === "result");
  const first = reports.find((report) => report.kind === "checkpoint" || report.kind === "result");
  const from_step = assignment.resume?.step ?? 0;
  const { lowering, threads } = assignment;
  const where = { node_id: NODE_ID, lowering, build: by.build, hardware_class: by.hardwareClass, threads };
  return [
    ...(assignment.chainHead === undefined ? [runEntry(assignment, first?.initialSha256 ?? "")] : []),
    ...(commits.length > 0 ? [{ kind: "segment", from_step, ...where } as const] : []),
    ...commits,
    ...(result
      ? [
          {
            kind: "result",
            step: result.step,
            onnx_sha256: result.onnx.sha256,
            weights_sha256: result.weights.sha256,
          } as const,
        ]
      : []),
  ];
}

function commitsOf(report: NodeReport, changes: readonly LiveChange[]): readonly ChainEntry[] {
  if (report.kind === "checkpoint") {
    const { step, cid, sha256, sizeBytes } = report;
    return [{ kind: "checkpoint", step, cid, sha256, size_bytes: sizeBytes }];
  }
  const change = report.kind === "changed" && changes.find(({ changeId }) => changeId === report.changeId);
  if (!change) return [];
  const { changeId: change_id, learningRate = null, batchSize = null, stop, signature } = change;
  const step = report.kind === "changed" ? report.step : 0;
  return [{ kind: "change", change_id, step, learning_rate: learningRate, batch_size: batchSize, stop, signature }];
}
