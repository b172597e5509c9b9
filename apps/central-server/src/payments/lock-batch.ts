/**
 * Many locks of the ledger rail at once: the commands of one batch share their statements, whatever their number.
 *
 * Only plain ones are carried out: escrows that the books do not know yet, paid by wallets that have the money. It says
 * which; what is left out is sent again as a command of its own, and that finds the receipt or the reason.
 */
import { type UserId } from "@cyxwiz/primitives";
import {
  describeCommand,
  escrowAccount,
  lockTransaction,
  userAccount,
  type Account,
  type EscrowId,
  type LedgerTransaction,
  type LockCommand,
} from "@cyxwiz/market";
import { sql } from "kysely";
import type { MarketTransaction } from "../database/transaction.ts";
import { lockAccounts } from "./account-locks.ts";

interface PlainLock {
  readonly command: LockCommand;
  readonly entry: LedgerTransaction;
}

/** Carries out the plain ones of these locks. Returns their escrows; of two locks of one escrow the first counts. */
export async function lockPlain(
  transaction: MarketTransaction,
  commands: readonly LockCommand[],
  now: number,
): Promise<ReadonlySet<EscrowId>> {
  const payers = [...new Set(commands.map((command) => command.payer))];
  const escrows = commands.map((command) => escrowAccount(command.escrowId));
  await lockAccounts(transaction, [...payers.map(userAccount), ...new Set(escrows)]);
  // Read after the locks are held: only then does nobody else change it.
  const { known, balances } = await readBooks(transaction, commands, payers);
  const plain = new Map<EscrowId, PlainLock>();
  for (const command of commands) {
    const { escrowId, payer, amount, idempotencyKey } = command;
    const have = balances.get(userAccount(payer)) ?? 0n;
    if (plain.has(escrowId) || known.has(escrowId) || known.has(idempotencyKey) || have < amount) continue;
    balances.set(userAccount(payer), have - amount);
    plain.set(escrowId, { command, entry: lockTransaction(idempotencyKey, escrowId, payer, amount) });
  }
  if (plain.size > 0) await write(transaction, [...plain.values()], new Date(now));
  return new Set(plain.keys());
}

interface Books {
  /** Keys and escrows that have an entry already. */
  readonly known: ReadonlySet<string>;
  readonly balances: Map<Account, bigint>;
}

async function readBooks(
  transaction: MarketTransaction,
  commands: readonly LockCommand[],
  payers: readonly UserId[],
): Promise<Books> {
  const keys = commands.map((command) => command.idempotencyKey);
  const escrows = commands.map((command) => command.escrowId);
  const { rows } = await sql<{ name: string; balance: bigint | null }>`
    select key as name, null::bigint as balance from ledger_transactions where key = any(${keys}::text[])
    union all
    select escrow_id::text, null from ledger_transactions where escrow_id = any(${escrows}::uuid[])
    union all
    select account, sum(amount)::bigint from postings
    where account = any(${payers.map(userAccount)}::text[]) group by account
  `.execute(transaction);
  const balances = new Map<Account, bigint>();
  for (const { name, balance } of rows) if (balance !== null) balances.set(name as Account, balance);
  return { known: new Set(rows.filter((row) => row.balance === null).map((row) => row.name)), balances };
}

async function write(transaction: MarketTransaction, locks: readonly PlainLock[], at: Date): Promise<void> {
  const postings = locks.flatMap(({ entry }) => entry.postings.map((posting) => ({ ...posting, key: entry.key })));
  await sql`
    with entry as (
      insert into ledger_transactions (key, kind, command, escrow_id, at)
      select key, kind, command, escrow_id, ${at}::timestamptz from unnest(
        ${locks.map(({ entry }) => entry.key)}::text[], ${locks.map(({ entry }) => entry.kind)}::text[],
        ${locks.map(({ command }) => describeCommand.lock(command))}::text[],
        ${locks.map(({ command }) => command.escrowId)}::uuid[]
      ) as lock (key, kind, command, escrow_id)
      returning id, key
    )
    insert into postings (transaction_id, account, amount)
    select entry.id, posting.account, posting.amount from unnest(
      ${postings.map((posting) => posting.key)}::text[], ${postings.map((posting) => posting.account)}::text[],
      ${postings.map((posting) => posting.amount.toString())}::bigint[]
    ) as posting (key, account, amount) join entry on entry.key = posting.key
  `.execute(transaction);
}
