/**
 * What the server gave this node when its owner registered it: the node's API key and its units' ids, kept with mode 0600
 * beside the key. With it the node starts without the owner's token.
 */
import { join } from "node:path";
import { AppError, errorMessage } from "@cyxwiz/primitives";
import { z } from "zod";
import { NODE_ERRORS } from "../errors.ts";
import { readPrivateFile, writePrivateFile } from "./private-file.ts";

export interface Enrolment {
  readonly apiKey: string;
  /** The server that it is for: another one does not know this key. */
  readonly apiUrl: string;
  /** Hash of what was registered; a different one means that hardware or sharing changed. */
  readonly offerHash: string;
  readonly units: readonly { readonly unitId: string; readonly deviceType: "cpu" | "gpu"; readonly deviceId: number }[];
}

const enrolmentSchema: z.ZodType<Enrolment> = z.object({
  apiKey: z.string().min(1),
  apiUrl: z.string().min(1),
  offerHash: z.string(),
  units: z.array(z.object({ unitId: z.string(), deviceType: z.enum(["cpu", "gpu"]), deviceId: z.number().int() })),
});

/** @throws AppError `node/enrolment-malformed` when the file is there but damaged. */
export async function readEnrolment(folder: string): Promise<Enrolment | undefined> {
  const file = enrolmentFile(folder);
  const text = await readPrivateFile(file);
  if (text === undefined) return undefined;
  try {
    return enrolmentSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new AppError(NODE_ERRORS.ENROLMENT_MALFORMED, { file, problem: errorMessage(error) }, { cause: error });
  }
}

export async function writeEnrolment(folder: string, enrolment: Enrolment): Promise<void> {
  await writePrivateFile(enrolmentFile(folder), JSON.stringify(enrolment, null, 2));
}

function enrolmentFile(folder: string): string {
  return join(folder, "enrolment.json");
}
