/**
 * One data folder is run by one daemon.
 *
 * The lock is SQLite's exclusive file lock, which the operating system drops when the process ends, however it ends: so
 * there is no stale lock to recognise after `kill -9`, and no process id that another program may have been given since.
 * The process id in the second file is only for the message.
 */
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { AppError, errorMessage } from "@cyxwiz/primitives";
import { NODE_ERRORS } from "../errors.ts";
import { readPrivateFile } from "./private-file.ts";

/** SQLITE_BUSY: somebody else holds the lock. */
const BUSY = 5;

/**
 * Makes the folder (mode 0700) and takes its lock until disposed or the process ends.
 * @throws AppError `node/data-folder-busy`, `node/data-folder-unusable`.
 */
export async function lockDataFolder(folder: string): Promise<AsyncDisposable> {
  const pidFile = join(folder, "daemon.pid");
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const database = takeLock(join(folder, "daemon.lock"));
    await writeFile(pidFile, `${process.pid}\n`, { mode: 0o600 });
    return {
      [Symbol.asyncDispose]: async () => {
        await rm(pidFile, { force: true });
        database.close();
      },
    };
  } catch (error) {
    if (error instanceof Error && "errcode" in error && error.errcode === BUSY) {
      const pid = (await readPrivateFile(pidFile))?.trim();
      const holder = pid ? ` (process ${pid})` : "";
      throw new AppError(NODE_ERRORS.DATA_FOLDER_BUSY, { folder, holder }, { cause: error });
    }
    throw new AppError(NODE_ERRORS.DATA_FOLDER_UNUSABLE, { folder, problem: errorMessage(error) }, { cause: error });
  }
}

function takeLock(path: string): DatabaseSync {
  const database = new DatabaseSync(path);
  try {
    database.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}
