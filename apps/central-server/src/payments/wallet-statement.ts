/** What a user's wallet shows: balance, what is locked, what was earned, and every movement with the balance after it. */
import { AppError, formatAmount, formatUnits, type Amount, type UserId } from "@cyxwiz/primitives";
import { userAccount } from "@cyxwiz/market";
import type { Wallet, WalletHistory } from "@cyxwiz/protocol/rest";
import { sql } from "kysely";
import type { Database } from "../database/open-database.ts";
import { CENTRAL_ERRORS } from "../errors.ts";

/** One statement, so that the figures belong together. */
export async function readWallet(db: Database, user: UserId): Promise<Wallet> {
  const { rows } = await sql<{ balance: Amount; locked: Amount; earned: Amount }>`select
    (select coalesce(sum(amount), 0)::bigint from postings where account = ${userAccount(user)}) as balance,
    (select coalesce(sum(amount), 0)::bigint from escrows where payer_id = ${user} and state in ('LOCKED', 'SETTLING')) as locked,
    (select coalesce(sum(amount), 0)::bigint from unit_earnings where owner_id = ${user}) as earned
  `.execute(db);
  const { balance, locked, earned } = rows[0] ?? { balance: 0n, locked: 0n, earned: 0n };
  return {
    balance: formatUnits(balance),
    locked: formatUnits(locked),
    earned: formatUnits(earned),
    rail: "ledger",
    simulated: true,
  };
}

interface Movement {
  readonly id: bigint;
  readonly at: Date;
  readonly kind: "faucet" | "lock" | "settle" | "reward";
  readonly amount: bigint;
  readonly balance: Amount;
  readonly is_payer: boolean;
  /** The payer owns the unit too: one posting carries both the share and the refund. */
  readonly is_owner: boolean;
  readonly job_id: string | null;
  readonly name: string | null;
}

/** Newest first. @throws AppError `central/cursor-malformed`. */
export async function readHistory(
  db: Database,
  user: UserId,
  { cursor, limit }: { readonly cursor?: string | undefined; readonly limit: number },
): Promise<WalletHistory> {
  if (cursor !== undefined && !/^\d{1,18}$/.test(cursor)) {
    throw new AppError(CENTRAL_ERRORS.CURSOR_MALFORMED, { value: cursor.slice(0, 40) });
  }
  const account = userAccount(user);
  const older = cursor === undefined ? sql`` : sql`and p.id < ${BigInt(cursor)}`;
  const { rows } = await sql<Movement>`
    with page as (
      select p.id, p.amount, p.transaction_id from postings p
      where p.account = ${account} ${older} order by p.id desc limit ${limit + 1}
    )
    select page.id, t.at, t.kind, page.amount, e.payer_id = ${user} as is_payer,
      exists (select from unit_earnings u where u.job_id = j.id and u.owner_id = ${user}) as is_owner, j.id as job_id, q.name,
      ((select coalesce(sum(b.amount), 0) from postings b where b.account = ${account} and b.id < (select min(id) from page))
        + sum(page.amount) over (order by page.id))::bigint as balance
    from page
      join ledger_transactions t on t.id = page.transaction_id
      left join escrows e on e.quote_id = t.escrow_id
      left join quotes q on q.id = t.escrow_id
      left join jobs j on j.quote_id = t.escrow_id
    order by page.id desc
  `.execute(db);
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return { entries: shown.map(entryOf), next_cursor: rows.length > limit && last ? String(last.id) : null };
}

function entryOf(row: Movement): WalletHistory["entries"][number] {
  const { kind, memo } = describe(row);
  return {
    id: String(row.id),
    at: row.at.toISOString(),
    kind,
    amount: formatUnits(row.amount),
    balance: formatAmount(row.balance),
    job_id: row.job_id,
    memo,
  };
}

function describe(row: Movement): { kind: string; memo: string } {
  switch (row.kind) {
    case "faucet":
      return { kind: "faucet", memo: "Test tokens" };
    case "lock":
      return { kind: "lock", memo: `Locked for ${row.name ?? "a quote"}` };
    case "settle":
      // One settlement makes one posting per account: a payer's is the part that came back.
      if (row.is_payer && row.is_owner) {
        return { kind: "own-job", memo: `Owner share and rest of your own job ${row.name ?? ""}`.trimEnd() };
      }
      return row.is_payer
        ? { kind: "refund", memo: `Back from ${row.name ?? "a quote"}` }
        : { kind: "owner-share", memo: `Earned with ${row.name ?? "a job"}` };
    case "reward":
      return { kind: "reward", memo: "Earned by checking a job" };
  }
}
