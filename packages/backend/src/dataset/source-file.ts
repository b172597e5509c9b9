import { readFile, stat } from "node:fs/promises";
import { AppError, errorMessage } from "@cyxwiz/primitives";
import { BACKEND_ERRORS } from "../errors.ts";

/**
 * A whole file that a person named, if it is there and small enough.
 * @throws AppError `backend/file-unreadable`, `backend/dataset-too-large`.
 */
export async function readSourceFile(path: string, maxBytes: number): Promise<Uint8Array> {
  try {
    const { size } = await stat(path);
    if (size > maxBytes)
      throw new AppError(BACKEND_ERRORS.DATASET_TOO_LARGE, { what: path, sizeBytes: size, maxBytes });
    return await readFile(path);
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError(BACKEND_ERRORS.FILE_UNREADABLE, { where: path, problem: errorMessage(error) }, { cause: error });
  }
}
