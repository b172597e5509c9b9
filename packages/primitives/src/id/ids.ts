/**
 * Branded identifiers. Ids on the wire are UUIDs, except unit ids (`unit_gpu0_xyz123`) and content ids (CID).
 * Parse them once where they enter; inside, the brand says that this was done.
 */
import { AppError } from "../error/app-error.ts";
import { PRIMITIVES_ERRORS } from "../errors.ts";
import type { Brand } from "./brand.ts";

export type UserId = Brand<string, "UserId">;
/** A node and the machine that it is installed on carry one id. */
export type NodeId = Brand<string, "NodeId">;
export type UnitId = Brand<string, "UnitId">;
export type JobId = Brand<string, "JobId">;
export type AssignmentId = Brand<string, "AssignmentId">;
export type QuoteId = Brand<string, "QuoteId">;
/** Address of content: an IPFS CID, version 1, base32. */
export type Cid = Brand<string, "Cid">;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const UNIT = /^unit_(gpu|cpu)\d{1,3}_[a-z0-9]{6,16}$/;
const CID_V1 = /^b[a-z2-7]{20,120}$/;

export function isUuid(text: string): boolean {
  return UUID.test(text);
}

function checked(kind: string, form: RegExp, allowed: string, text: string): string {
  if (!form.test(text)) {
    throw new AppError(PRIMITIVES_ERRORS.ID_MALFORMED, { kind, value: text.slice(0, 80), allowed });
  }
  return text.toLowerCase();
}

const uuid = (kind: string, text: string): string => checked(kind, UUID, "a UUID", text);

/** Each parser throws `primitives/id-malformed`, which names the kind, the value and the form that is allowed. */
export const parseUserId = (text: string): UserId => uuid("user id", text) as UserId;
export const parseNodeId = (text: string): NodeId => uuid("node id", text) as NodeId;
export const parseJobId = (text: string): JobId => uuid("job id", text) as JobId;
export const parseAssignmentId = (text: string): AssignmentId => uuid("assignment id", text) as AssignmentId;
export const parseQuoteId = (text: string): QuoteId => uuid("quote id", text) as QuoteId;
export const parseUnitId = (text: string): UnitId =>
  checked("unit id", UNIT, "a unit id like unit_gpu0_xyz123", text) as UnitId;
export const parseCid = (text: string): Cid =>
  checked("cid", CID_V1, "a CID, version 1, in base32 (bafy…)", text) as Cid;
