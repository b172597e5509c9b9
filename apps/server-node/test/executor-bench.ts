/** An executor with a scripted trainer, and a server that accepts every report. */
import { rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "@cyxwiz/primitives";
import { MemoryLogger, VirtualClock } from "@cyxwiz/platform";
import type { NodeReport } from "../src/central/messages.ts";
import { ReportOutbox } from "../src/central/report-outbox.ts";
import { DevicePool } from "../src/devices/device-pool.ts";
import { describeFile } from "../src/jobs/artifact-upload.ts";
import { JobExecutor } from "../src/jobs/job-executor.ts";
import { ObjectCache } from "../src/jobs/object-cache.ts";
import { CPU_ALLOCATION, DATASET, NODE_ID, UNIT_ID } from "./sample-assignment.ts";
import { type Script, type ScriptedDriver, scriptedDriver, stateAt } from "./scripted-driver.ts";
import { tempFolder, until } from "./temp-folder.ts";

export interface Bench extends AsyncDisposable {
  readonly executor: JobExecutor;
  readonly outbox: ReportOutbox;
  readonly pool: DevicePool;
  readonly logger: MemoryLogger;
  readonly driver: ScriptedDriver;
  readonly dataDir: string;
  /** Reports in the order in which a server that accepts everything saw them. */
  readonly reports: NodeReport[];
  /** Takes the reports that wait and accepts them. */
  pump(): void;
  last(): NodeReport | undefined;
}

export async function setup(
  options: {
    script?: Script;
    dataset?: string | AppError;
    upload?: () => Promise<void>;
    /** Content of stored checkpoints, by step. */
    checkpoint?: (step: number) => string;
  } = {},
): Promise<Bench> {
  const folder = await tempFolder();
  const driver = scriptedDriver(options.script);
  const pool = new DevicePool([{ unitId: UNIT_ID, allocation: CPU_ALLOCATION }], 2);
  pool.raise(UNIT_ID, "registration-started");
  pool.raise(UNIT_ID, "registered");
  const outbox = new ReportOutbox();
  const clock = new VirtualClock();
  const logger = new MemoryLogger();
  const cache = await ObjectCache.open({
    folder: join(folder.path, "cache"),
    maxBytes: 1_000,
    clock,
    attempt: (download) => download(),
    download: async function* () {
      if (options.dataset instanceof AppError) throw options.dataset;
      yield Buffer.from(options.dataset ?? DATASET);
    },
  });
  const executor = new JobExecutor({
    nodeId: NODE_ID,
    dataDir: folder.path,
    abilities: driver.abilities,
    priority: "low",
    startTrainer: driver.start,
    cache,
    fetchCheckpoint: async ({ step }) => {
      const path = join(folder.path, `stored-${step}`);
      await writeFile(path, (options.checkpoint ?? ((at) => stateAt(at, DATASET)))(step));
      return { path, [Symbol.dispose]: () => rmSync(path) };
    },
    upload: async (file, signal) => {
      await options.upload?.();
      return describeFile(file, signal);
    },
    outbox,
    clock,
    logger,
    pool,
  });
  const reports: NodeReport[] = [];
  const pump = (): void => {
    for (const { sequence, report } of outbox.take(100)) {
      reports.push(report);
      outbox.answer({ sequence, accepted: true, code: "", message: "" });
    }
  };
  const dispose = async (): Promise<void> => {
    await executor[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  };
  return {
    executor,
    outbox,
    pool,
    logger,
    driver,
    dataDir: folder.path,
    reports,
    pump,
    last: () => reports.at(-1),
    [Symbol.asyncDispose]: dispose,
  };
}

/** Accepts reports until nothing runs any more. */
export async function settle(bench: Bench): Promise<void> {
  await until(() => {
    bench.pump();
    return bench.executor.running().length === 0;
  });
}

export function kindsOf(reports: readonly NodeReport[]): readonly string[] {
  return reports
    .filter(({ kind }) => kind !== "progress")
    .map((report) => {
      const isPlaced = report.kind === "checkpoint" || report.kind === "changed";
      return isPlaced ? `${report.kind} ${report.step}` : report.kind;
    });
}
