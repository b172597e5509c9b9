/**
 * Objects with their readers: who uploaded one may read it, a job's user reads the job's results, and a node reads what
 * its live assignments need, for as long as they live.
 */
import { createHash, type Hash } from "node:crypto";
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
    // Hashed here and not believed from whoever uploads: receipts and verdicts compare these hashes.
    const hash = createHash("sha256");
    const stored = await store.put(hashing(bytes, hash), { maxBytes: MAX_OBJECT_BYTES, ...(signal && { signal }) });
    const sha256 = hash.digest("hex");
    const readerId = uploader.kind === "user" ? uploader.userId : uploader.ownerId;
    await inTransaction(this.#options, async (transaction) => {
      await transaction
        .insertInto("objects")
        .values({
          cid: stored.cid,
          size_bytes: BigInt(stored.sizeBytes),
          sha256,
          created_at: new Date(clock.now()),
        })
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

/** Size and SHA-256 of an object that a user may read, else undefined. */
export async function readableObject(
  db: Database,
  cid: string,
  userId: UserId,
): Promise<{ readonly size_bytes: bigint; readonly sha256: string } | undefined> {
  return db
    .selectFrom("object_readers")
    .innerJoin("objects", "objects.cid", "object_readers.cid")
    .select(["objects.size_bytes", "objects.sha256"])
    .where("object_readers.cid", "=", cid)
    .where("object_readers.user_id", "=", userId)
    .executeTakeFirst();
}

async function* hashing(bytes: AsyncIterable<Uint8Array>, hash: Hash): AsyncGenerator<Uint8Array> {
  for await (const piece of bytes) {
    hash.update(piece);
    yield piece;
  }
}

export async function addReader(transaction: Database, cid: string, userId: UserId): Promise<void> {
  await transaction
    .insertInto("object_readers")
    .values({ cid, user_id: userId })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

async function isReader(db: Database, cid: Cid, userId: UserId): Promise<boolean> {
  return (await readableObject(db, cid, userId)) !== undefined;
}

/**
 * Whether a live assignment of the node needs the object: the job's dataset; to train, its checkpoints; to check, what the
 * re-run was given, and no checkpoint that it has to arrive at itself.
 */
async function isNeeded(db: Database, cid: Cid, node: Extract<Principal, { kind: "node" }>): Promise<boolean> {
  const row = await db
    .selectFrom("assignments")
    .innerJoin("jobs", "jobs.id", "assignments.job_id")
    .innerJoin("quotes", "quotes.id", "jobs.quote_id")
    .leftJoin("checkpoints", (join) =>
      join
        .onRef("checkpoints.job_id", "=", "jobs.id")
        .on("checkpoints.cid", "=", cid)
        .on("assignments.kind", "=", "TRAIN"),
    )
    .leftJoin("reruns", (join) =>
      join.onRef("reruns.assignment_id", "=", "assignments.id").on(sql<boolean>`${cid} = any (reruns.inputs)`),
    )
    .select("assignments.id")
    .where("assignments.machine_id", "=", node.nodeId)
    .where("assignments.ended_at", "is", null)
    .where((eb) =>
      eb.or([
        eb(sql`quotes.dataset ->> 'cid'`, "=", cid),
        eb("checkpoints.cid", "is not", null),
        eb("reruns.assignment_id", "is not", null),
      ]),
    )
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}
