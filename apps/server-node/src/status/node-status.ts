/** What a node says of itself: in `status.json`, on the status line, to the program that embeds it. */
import type { ExecutorCounts } from "../jobs/job-executor.ts";

export interface UnitReport {
  /** Absent for a device that is not offered. */
  readonly unitId?: string;
  readonly deviceType: "cpu" | "gpu";
  readonly deviceId: number;
  readonly deviceName: string;
  readonly state: string;
  /** Why it takes no work; empty when it does. */
  readonly reason: string;
  readonly threads: number;
  readonly usedThreads: number;
  readonly memoryBytes: number;
  readonly usedMemoryBytes: number;
}

export interface NodeStatus {
  readonly nodeId: string;
  readonly name: string;
  readonly version: string;
  readonly processId: number;
  readonly startedAt: string;
  readonly centralServer: {
    readonly address: string;
    readonly apiUrl: string;
    readonly state: "online" | "offline";
    readonly since: string;
    /** Why it is offline. */
    readonly problem?: string;
  };
  readonly units: readonly UnitReport[];
  readonly assignments: readonly {
    readonly assignmentId: string;
    readonly jobId: string;
    /** VERIFY: a piece of somebody's job is run again to check it. */
    readonly kind: "TRAIN" | "VERIFY";
    readonly step: number;
  }[];
  readonly counts: ExecutorCounts;
}

/** One line for a terminal. Pure. */
export function statusLine(status: NodeStatus): string {
  const { centralServer, units, assignments, counts } = status;
  const where = centralServer.state === "online" ? "online" : `offline (${centralServer.problem ?? "no reason known"})`;
  const active = units.filter((unit) => unit.state === "ACTIVE").length;
  const parts = [
    `${active} of ${units.length} units active`,
    `${assignments.length} running`,
    `${counts.completed} completed`,
  ];
  if (counts.verified > 0) parts.push(`${counts.verified} re-run`);
  if (counts.failed > 0) parts.push(`${counts.failed} failed`);
  return `${status.name}: ${where} · ${parts.join(" · ")}`;
}
