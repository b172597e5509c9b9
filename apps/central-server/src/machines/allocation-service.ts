/** Changing what an owner shares of a machine that is already known. */
import { AppError, formatAmount, type Amount, type NodeId, type UserId } from "@cyxwiz/primitives";
import type { Allocation } from "@cyxwiz/protocol/rest";
import { inTransaction, type TransactionContext } from "../database/transaction.ts";
import { MACHINE_ERRORS } from "./machine-errors.ts";
import type { StoredHardware } from "./registration-service.ts";
import { sharedUnits, type UnitRequest } from "./unit-allocation.ts";

export interface AllocationChange {
  readonly unitId: string;
  /** Only what changes. */
  readonly allocation: { readonly [K in keyof Allocation]?: Allocation[K] | undefined };
  readonly pricePerHour: string | undefined;
}

/**
 * Applies changes to units of one machine: all of them or none.
 *
 * What runs on a unit keeps what it was given; the change holds for the next assignment.
 * @throws AppError `central/node-not-found`, `central/node-foreign`, `central/unit-not-found`,
 * `central/allocation-exceeded`, `central/price-out-of-range`.
 */
export async function changeAllocations(
  context: TransactionContext,
  target: { readonly nodeId: NodeId; readonly ownerId: UserId },
  changes: readonly AllocationChange[],
): Promise<readonly string[]> {
  const { nodeId, ownerId } = target;
  return inTransaction(context, async (transaction) => {
    const machine = await transaction
      .selectFrom("machines")
      .select(["owner_id", "hardware"])
      .where("id", "=", nodeId)
      .forUpdate()
      .executeTakeFirst();
    if (!machine) throw new AppError(MACHINE_ERRORS.NODE_NOT_FOUND, { nodeId });
    if (machine.owner_id !== ownerId) throw new AppError(MACHINE_ERRORS.NODE_FOREIGN, { nodeId });
    const rows = await transaction
      .selectFrom("compute_units")
      .selectAll()
      .where("machine_id", "=", nodeId)
      .where("status", "<>", "NOT_SHARED")
      .execute();
    const unknown = changes.find((change) => !rows.some((row) => row.id === change.unitId));
    if (unknown) throw new AppError(MACHINE_ERRORS.UNIT_NOT_FOUND, { unitId: unknown.unitId, nodeId });
    const requests = rows.map((row): UnitRequest => {
      const change = changes.findLast((one) => one.unitId === row.id);
      return {
        device_type: row.device_type,
        device_id: row.device_id,
        allocation: { ...(row.allocation as Allocation), ...definedOnly(change?.allocation ?? {}) },
        price_per_hour: change?.pricePerHour ?? formatAmount(row.price_per_hour as Amount),
      };
    });
    const units = sharedUnits(machine.hardware as StoredHardware, requests);
    for (const change of changes) {
      const row = rows.findIndex((one) => one.id === change.unitId);
      const unit = units[row];
      if (!unit) continue;
      await transaction
        .updateTable("compute_units")
        .set({
          allocation: JSON.stringify(unit.allocation),
          cores: unit.cores,
          memory_bytes: unit.memoryBytes,
          price_per_hour: unit.pricePerHour,
        })
        .where("id", "=", change.unitId)
        .execute();
    }
    return changes.map((change) => change.unitId);
  });
}

function definedOnly(changes: AllocationChange["allocation"]): Partial<Allocation> {
  return Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
}
