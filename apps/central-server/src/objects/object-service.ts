/**
 * Objects with their readers: who uploaded one may read it, a job's user reads the job's results, and a node reads what
 * its live assignments need, for as long as they live.
 */
import { AppError, type Cid, type UserId } from "@cyxwiz/primitives";
import type { ObjectStore, StoredObject } from "@cyxwiz/cyxcloud";
import { sql } from "kysely";
import type { Principal } from "../accounts/principal.ts";
import type { Database } from "../database/open-database.ts";
import { inTransaction, type TransactionContext } from "../database/transaction.ts";
import { MAX_OBJECT_BYTES } from "./limits.ts";
import { OBJECT_ERRORS } from "./object-errors.ts";

export interface ObjectServiceOptions extends TransactionContext {
  readonly store: ObjectStore;
}

export class ObjectService {
  readonly #options: ObjectServiceOptions;

  constructor(options: ObjectServiceOptions) {
    this.#options = options;
  }

  /** Stores a stream and makes the caller its reader. @throws the errors of `ObjectStore.put`. */
  async put(bytes: AsyncIterable<Uint8Array>, uploader: Principal, signal?: AbortSignal): Promise<StoredObject> {
    const { clock, store } = this.#options;
    const stored = await store.put(bytes, { maxBytes: MAX_OBJECT_BYTES, ...(signal && { signal }) });
    const readerId = uploader.kind === "user" ? uploader.userId : uploader.ownerId;
    await inTransaction(this.#options, async (transaction) => {
      await transaction
        .insertInto("objects")
        .values({ cid: stored.cid, size_bytes: BigInt(stored.sizeBytes), created_at: new Date(clock.now()) })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
      await addReader(transaction, stored.cid, readerId);
    });
    return stored;
  }

  /** @throws AppError `central/object-not-found`, also when it exists and the caller may not read it. */
  async requireReadable(cid: Cid, reader: Principal): Promise<StoredObject> {
    const { db } = this.#options;
    const mayRead = reader.kind === "user" ? await isReader(db, cid, reader.userId) : await isNeeded(db, cid, reader);
    const object = mayRead ? await this.#options.store.stat(cid) : undefined;
    if (!object) throw new AppError(OBJECT_ERRORS.OBJECT_NOT_FOUND, { cid });
    return object;
  }
}

/** The size of an object that a user may read, else undefined. */
export async function readableSize(db: Database, cid: string, userId: UserId): Promise<bigint | undefined> {
  const row = await db
    .selectFrom("object_readers")
    .innerJoin("objects", "objects.cid", "object_readers.cid")
    .select("objects.size_bytes")
    .where("object_readers.cid", "=", cid)
    .where("object_readers.user_id", "=", userId)
    .executeTakeFirst();
  return row?.size_bytes;
}

export async function addReader(transaction: Database, cid: string, userId: UserId): Promise<void> {
  await transaction
    .insertInto("object_readers")
    .values({ cid, user_id: userId })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

async function isReader(db: Database, cid: Cid, userId: UserId): Promise<boolean> {
  return (await readableSize(db, cid, userId)) !== undefined;
}

/** Whether a live assignment of the node works on a job whose dataset or checkpoint the object is. */
async function isNeeded(db: Database, cid: Cid, node: Extract<Principal, { kind: "node" }>): Promise<boolean> {
  const row = await db
    .selectFrom("assignments")
    .innerJoin("jobs", "jobs.id", "assignments.job_id")
    .innerJoin("quotes", "quotes.id", "jobs.quote_id")
    .leftJoin("checkpoints", (join) => join.onRef("checkpoints.job_id", "=", "jobs.id").on("checkpoints.cid", "=", cid))
    .select("assignments.id")
    .where("assignments.machine_id", "=", node.nodeId)
    .where("assignments.ended_at", "is", null)
    .where((eb) => eb.or([eb(sql`quotes.dataset ->> 'cid'`, "=", cid), eb("checkpoints.cid", "is not", null)]))
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}
