import { expect, test } from "vitest";
import { JOB_STATES, jobMachine, type JobEvent, type JobState } from "./job-state.ts";

test("[JS3] a job without mishap goes from CREATED to COMPLETED through every stage", () => {
  const events: readonly JobEvent[] = [
    "submitted",
    "escrow-locked",
    "assigned",
    "started",
    "end-committed",
    "result-accepted",
  ];
  const path: JobState[] = ["CREATED"];
  for (const event of events) path.push(jobMachine.move(path.at(-1) ?? "CREATED", event));
  expect(path).toEqual(["CREATED", "QUEUED", "ESCROWED", "ASSIGNED", "RUNNING", "VERIFYING", "COMPLETED"]);
});

const statesThatTake = (event: JobEvent): readonly JobState[] =>
  JOB_STATES.filter((state) => jobMachine.next(state, event).kind === "moved");

test("[JS4] a lost node sends ASSIGNED and RUNNING back to ESCROWED, and no other state", () => {
  const returning = statesThatTake("node-lost");
  expect(returning).toEqual(["ASSIGNED", "RUNNING"]);
  expect(returning.map((state) => jobMachine.move(state, "node-lost"))).toEqual(["ESCROWED", "ESCROWED"]);
});

test("[JS4] a lost verifier moves no job: VERIFYING takes a verdict and nothing else", () => {
  const verdicts = ["result-accepted", "result-refused", "handed-over", "failed", "cancelled"];
  expect(jobMachine.allowed("VERIFYING")).toEqual(verdicts);
  expect(jobMachine.move("VERIFYING", "handed-over")).toBe("ESCROWED");
  expect(jobMachine.move("VERIFYING", "result-refused")).toBe("ESCROWED");
});

test("[JS5] a job with nothing committed is cancelled at once, wherever it stands before VERIFYING", () => {
  const open = statesThatTake("cancelled").filter((state) => state !== "VERIFYING");
  expect(open).toEqual(["CREATED", "QUEUED", "ESCROWED", "ASSIGNED", "RUNNING"]);
  expect(open.map((state) => jobMachine.move(state, "cancelled"))).toEqual(open.map(() => "CANCELLED"));
});

test("[JS12] an end with committed steps is checked from wherever a job with money and checkpoints stands", () => {
  const ending = statesThatTake("end-committed");
  expect(ending).toEqual(["ESCROWED", "ASSIGNED", "RUNNING"]);
  expect(ending.map((state) => jobMachine.move(state, "end-committed"))).toEqual(ending.map(() => "VERIFYING"));
});

test("[JS12] an end that was checked is the one that was committed: COMPLETED, FAILED or CANCELLED", () => {
  const ends = (["result-accepted", "failed", "cancelled"] as const).map((event) =>
    jobMachine.move("VERIFYING", event),
  );
  expect(ends).toEqual(["COMPLETED", "FAILED", "CANCELLED"]);
});

test("[JS6] COMPLETED, FAILED and CANCELLED are final, and only they", () => {
  expect(JOB_STATES.filter((state) => jobMachine.isFinal(state))).toEqual(["COMPLETED", "FAILED", "CANCELLED"]);
});
