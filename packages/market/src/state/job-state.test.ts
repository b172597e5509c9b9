import { expect, test } from "vitest";
import { JOB_STATES, jobMachine, type JobEvent, type JobState } from "./job-state.ts";

test("[JS3] a job without mishap goes from CREATED to COMPLETED through every stage", () => {
  const events: readonly JobEvent[] = [
    "submitted",
    "escrow-locked",
    "assigned",
    "started",
    "result-committed",
    "result-accepted",
  ];
  const path: JobState[] = ["CREATED"];
  for (const event of events) path.push(jobMachine.move(path.at(-1) ?? "CREATED", event));
  expect(path).toEqual(["CREATED", "QUEUED", "ESCROWED", "ASSIGNED", "RUNNING", "VERIFYING", "COMPLETED"]);
});

test("[JS4] a lost node sends ASSIGNED, RUNNING and VERIFYING back to ESCROWED, and no other state", () => {
  const returning = JOB_STATES.filter((state) => jobMachine.next(state, "node-lost").kind === "moved");
  expect(returning).toEqual(["ASSIGNED", "RUNNING", "VERIFYING"]);
  expect(returning.map((state) => jobMachine.move(state, "node-lost"))).toEqual(["ESCROWED", "ESCROWED", "ESCROWED"]);
});

test("[JS5] a job can be cancelled until its result is committed", () => {
  const open = JOB_STATES.filter((state) => jobMachine.allowed(state).includes("cancelled"));
  expect(open).toEqual(["CREATED", "QUEUED", "ESCROWED", "ASSIGNED", "RUNNING"]);
});

test("[JS6] COMPLETED, FAILED and CANCELLED are final, and only they", () => {
  expect(JOB_STATES.filter((state) => jobMachine.isFinal(state))).toEqual(["COMPLETED", "FAILED", "CANCELLED"]);
});
