import { randomBytes } from "node:crypto";
import type { Clock } from "@cyxwiz/platform";
import type { Database } from "../database/open-database.ts";

/**
 * The name of this market, like `ledger-3f9a0c21`: drawn at its first start and kept in its database, so that a receipt
 * of another market is told apart even where keys were copied.
 */
export async function networkName(db: Database, clock: Clock): Promise<string> {
  const known = await db
    .selectFrom("networks")
    .select("id")
    .orderBy("created_at")
    .orderBy("id")
    .limit(1)
    .executeTakeFirst();
  if (known) return known.id;
  const id = `ledger-${randomBytes(4).toString("hex")}`;
  await db
    .insertInto("networks")
    .values({ id, created_at: new Date(clock.now()) })
    .execute();
  return id;
}
