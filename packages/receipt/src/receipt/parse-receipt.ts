import { AppError } from "@cyxwiz/primitives";
import { RECEIPT_ERRORS } from "../errors.ts";
import { malformed } from "../form/reader.ts";
import { MAX_RECEIPT_CHARS } from "../limits.ts";
import { readSignedReceipt } from "./receipt-form.ts";
import type { SignedReceipt } from "./receipt.ts";

const where = "the receipt";

/**
 * Reads the text of a signed receipt. It has the form of one after that; only `checkReceipt` says whether it is true.
 * @throws AppError `receipt/malformed` with the place: text that is too long, no JSON, or not of the form.
 */
export function parseReceipt(text: string): SignedReceipt {
  if (text.length > MAX_RECEIPT_CHARS) {
    const found = `${text.length} characters long`;
    throw new AppError(RECEIPT_ERRORS.MALFORMED, { where, found, allowed: `at most ${MAX_RECEIPT_CHARS}` });
  }
  return readSignedReceipt(parsedJson(text), where);
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw malformed(where, text, "JSON", cause);
  }
}
