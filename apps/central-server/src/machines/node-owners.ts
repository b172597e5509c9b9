/**
 * Which user owns a node, and whether a caller may speak for it.
 *
 * A node never changes its owner and is never deleted, so an answer once read stays true and is kept: heartbeats ask ten
 * thousand times in ten seconds.
 */
import { AppError, type NodeId, type UserId } from "@cyxwiz/primitives";
import type { Principal } from "../accounts/principal.ts";
import type { Database } from "../database/open-database.ts";
import { MACHINE_ERRORS } from "./machine-errors.ts";

export class NodeOwners {
  readonly #db: Database;
  readonly #owners = new Map<NodeId, UserId>();

  constructor(db: Database) {
    this.#db = db;
  }

  /**
   * The owner of a node that the caller may speak for: by the node's own key, or by its owner's token.
   * @throws AppError `central/node-not-found`, `central/node-foreign`.
   */
  async requireSpeakerFor(nodeId: NodeId, principal: Principal): Promise<UserId> {
    const owner = await this.#ownerOf(nodeId);
    if (!owner) throw new AppError(MACHINE_ERRORS.NODE_NOT_FOUND, { nodeId });
    const speaks = principal.kind === "node" ? principal.nodeId === nodeId : principal.userId === owner;
    if (!speaks) throw new AppError(MACHINE_ERRORS.NODE_FOREIGN, { nodeId });
    return owner;
  }

  async #ownerOf(nodeId: NodeId): Promise<UserId | undefined> {
    const known = this.#owners.get(nodeId);
    if (known) return known;
    const row = await this.#db.selectFrom("machines").select("owner_id").where("id", "=", nodeId).executeTakeFirst();
    if (row) this.#owners.set(nodeId, row.owner_id as UserId);
    return row?.owner_id as UserId | undefined;
  }
}
