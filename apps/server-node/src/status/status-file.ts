import { join } from "node:path";
import { errorMessage } from "@cyxwiz/primitives";
import type { Clock, Logger } from "@cyxwiz/platform";
import { writePrivateFile } from "../identity/private-file.ts";
import { STATUS_EVERY_MS } from "../limits.ts";
import type { NodeStatus } from "./node-status.ts";

export interface StatusFileOptions {
  readonly dataDir: string;
  readonly status: () => NodeStatus;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Keeps `status.json` of the data folder fresh until the signal aborts, then writes it once more. */
export async function keepStatusFile(options: StatusFileOptions, signal: AbortSignal): Promise<void> {
  const { clock, dataDir, logger, status } = options;
  const file = join(dataDir, "status.json");
  let written = "";
  for (;;) {
    const content = `${JSON.stringify(status(), null, 2)}\n`;
    if (content !== written) {
      await writePrivateFile(file, content).catch((error: unknown) =>
        logger.warn("status.json could not be written", { file, problem: errorMessage(error) }),
      );
    }
    written = content;
    if (signal.aborted) return;
    await clock.sleep(STATUS_EVERY_MS, signal).catch(() => undefined);
  }
}
