/** What failed its last challenges stays broken, whatever its owner or its node says of it meanwhile. */
import { unitEventAfter } from "@cyxwiz/market";
import type { UnitId } from "@cyxwiz/primitives";
import { lastOutcomes } from "../challenges/challenge-log.ts";
import type { Database } from "../database/open-database.ts";
import { raiseUnitEvent } from "./machine-state.ts";

/** Call it where a unit became ACTIVE by anything but a passed challenge. True: it is in ERROR again. */
export async function breakAgain(transaction: Database, unitId: UnitId): Promise<boolean> {
  if (unitEventAfter(await lastOutcomes(transaction, unitId)) !== "self-test-failed") return false;
  const state = await raiseUnitEvent(transaction, unitId, "self-test-failed", "its last challenges failed");
  return state === "ERROR";
}
