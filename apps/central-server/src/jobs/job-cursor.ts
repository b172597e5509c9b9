import { AppError, isUuid } from "@cyxwiz/primitives";
import { CENTRAL_ERRORS } from "../errors.ts";
import type { JobCursor } from "./job-query.ts";

/** A page position as an opaque text. */
export function writeJobCursor({ createdAt, id }: JobCursor): string {
  return Buffer.from(`${createdAt.getTime()}.${id}`).toString("base64url");
}

/** @throws AppError `central/cursor-malformed`. */
export function readJobCursor(text: string): JobCursor {
  const [time = "", id = ""] = Buffer.from(text, "base64url").toString("latin1").split(".");
  if (!/^\d{1,15}$/.test(time) || !isUuid(id)) {
    throw new AppError(CENTRAL_ERRORS.CURSOR_MALFORMED, { value: text.slice(0, 60) });
  }
  return { createdAt: new Date(Number(time)), id };
}
