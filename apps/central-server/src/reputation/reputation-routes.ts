/** REST of reputation: why a node's score is what it is, for everybody. Names no person. */
import { AppError, parseNodeId } from "@cyxwiz/primitives";
import { reputationToPercent } from "@cyxwiz/market";
import { reputationSchema } from "@cyxwiz/protocol/rest";
import { z } from "zod";
import type { Database } from "../database/open-database.ts";
import { MACHINE_ERRORS } from "../machines/machine-errors.ts";
import type { RestApp } from "../rest/rest-app.ts";
import { MAX_CHANGES_SHOWN } from "./limits.ts";

export function registerReputationRoutes(app: RestApp, { db }: { readonly db: Database }): void {
  app.get(
    "/api/nodes/:id/reputation",
    {
      schema: {
        tags: ["nodes"],
        summary: "Why a node's reputation is what it is: every change with its evidence",
        params: z.object({ id: z.string() }),
        response: { 200: reputationSchema },
      },
    },
    async (request) => {
      const nodeId = parseNodeId(request.params.id);
      const machine = await db.selectFrom("machines").select("reputation").where("id", "=", nodeId).executeTakeFirst();
      if (!machine) throw new AppError(MACHINE_ERRORS.NODE_NOT_FOUND, { nodeId });
      const newest = { machine_id: nodeId, limit: MAX_CHANGES_SHOWN };
      return {
        node_id: nodeId,
        reputation: reputationToPercent(machine.reputation),
        changes: await changesOf(db, newest),
        penalties: await penaltiesOf(db, newest),
      };
    },
  );
}

interface Newest {
  readonly machine_id: string;
  readonly limit: number;
}

async function changesOf(db: Database, { machine_id, limit }: Newest) {
  const rows = await db
    .selectFrom("reputation_receipts")
    .selectAll()
    .where("machine_id", "=", machine_id)
    .orderBy("id", "desc")
    .limit(limit)
    .execute();
  return rows.map(({ at, cause, score_before, score_after, evidence }) => ({
    at: at.toISOString(),
    cause,
    before: reputationToPercent(score_before),
    after: reputationToPercent(score_after),
    evidence: withoutPersons(evidence as Record<string, unknown>),
  }));
}

async function penaltiesOf(db: Database, { machine_id, limit }: Newest) {
  const rows = await db
    .selectFrom("penalties")
    .selectAll()
    .where("machine_id", "=", machine_id)
    .orderBy("id", "desc")
    .limit(limit)
    .execute();
  return rows.map(({ at, cause, percent, is_ban, is_applied, evidence }) => {
    return { at: at.toISOString(), cause, percent, is_ban, is_applied, evidence: { events: evidence } };
  });
}

/** Who pays and who owns stays between them and the market. */
function withoutPersons(evidence: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(evidence).filter(([field]) => field !== "payer_id" && field !== "owner_id"));
}
