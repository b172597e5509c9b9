/** This computer as a place to run steps again: what its results can be compared with, and how a run is started. */
import {
  hardwareClass,
  selectDriver,
  startTrainer,
  type TrainerProcess,
  type TrainerProcessOptions,
  type TrainingJob,
} from "@cyxwiz/backend";
import { LOWERING } from "@cyxwiz/graph";

/** Results are equal to the bit only where all three are, and the number of threads, which a re-run can choose. */
export interface MachineClass {
  readonly lowering: string;
  readonly build: string;
  readonly hardware_class: string;
}

export interface RerunMachine {
  readonly of: MachineClass;
  start(job: TrainingJob, options: TrainerProcessOptions): TrainerProcess;
}

/** @throws AppError `backend/driver-unavailable` when this machine cannot train. */
export async function thisMachine(): Promise<RerunMachine> {
  const { driver } = await selectDriver();
  return {
    of: { lowering: LOWERING, build: driver.build, hardware_class: hardwareClass() },
    start: startTrainer,
  };
}

export function machineText({ lowering, build, hardware_class }: MachineClass): string {
  return `${lowering}, ${build}, ${hardware_class}`;
}
