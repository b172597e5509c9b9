/** The whole schema of the market: accounts, machines, objects, quotes, jobs, money. */
import { sql, type Kysely } from "kysely";

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  `create table users (
    id uuid primary key,
    email text not null,
    username text not null,
    name text not null,
    password_hash text not null,
    role text not null default 'user' check (role in ('user', 'admin')),
    wallet_address text,
    created_at timestamptz not null
  )`,
  `create unique index users_email on users (lower(email))`,
  `create unique index users_username on users (lower(username))`,

  // A machine and the node installed on it are one row: they share their id.
  `create table machines (
    id uuid primary key,
    owner_id uuid not null references users,
    public_key bytea not null unique check (octet_length(public_key) = 32),
    api_key_hash bytea not null unique,
    name text not null,
    hostname text not null,
    os text not null,
    ip_address text not null,
    port integer,
    region text,
    fingerprint text,
    version text,
    hardware jsonb not null,
    state text not null,
    maintenance boolean not null default false,
    reputation integer not null check (reputation between 0 and 10000),
    jobs_completed integer not null default 0,
    jobs_failed integer not null default 0,
    last_seen_at timestamptz,
    registered_at timestamptz not null
  )`,
  `create index machines_owner on machines (owner_id)`,
  `create index machines_fingerprint on machines (fingerprint)`,

  `create table compute_units (
    id text primary key,
    machine_id uuid not null references machines,
    owner_id uuid not null references users,
    device_type text not null check (device_type in ('cpu', 'gpu')),
    device_id integer not null,
    device_name text not null,
    allocation jsonb not null,
    cores integer not null default 0,
    memory_bytes bigint not null,
    price_per_hour bigint not null check (price_per_hour >= 0),
    train_flops_per_second double precision,
    lowering text,
    build text,
    hardware_class text,
    status text not null,
    status_reason text,
    load_percent real not null default 0,
    registered_at timestamptz not null,
    unique (machine_id, device_type, device_id)
  )`,
  `create index compute_units_owner on compute_units (owner_id)`,

  `create table objects (
    cid text primary key,
    size_bytes bigint not null,
    created_at timestamptz not null
  )`,
  // Who may read an object: its uploader, the job's user, and nodes through their live assignments.
  `create table object_readers (
    cid text not null references objects,
    user_id uuid not null references users,
    primary key (cid, user_id)
  )`,

  `create table quotes (
    id uuid primary key,
    user_id uuid not null references users,
    amount bigint not null check (amount >= 0),
    name text not null,
    graph text not null,
    graph_hash text not null,
    dataset jsonb not null,
    settings jsonb not null,
    requirements jsonb not null,
    cost jsonb not null,
    offer jsonb not null,
    seed text not null,
    total_steps bigint not null,
    signature text not null,
    created_at timestamptz not null,
    expires_at timestamptz not null
  )`,

  `create table escrows (
    quote_id uuid primary key references quotes,
    payer_id uuid not null references users,
    amount bigint not null check (amount >= 0),
    state text not null,
    owner_amount bigint not null default 0,
    platform_amount bigint not null default 0,
    refunded_amount bigint not null default 0,
    shares jsonb not null default '[]',
    locked_at timestamptz,
    settled_at timestamptz,
    check (state <> 'SETTLED' or owner_amount + platform_amount + refunded_amount = amount)
  )`,
  `create index escrows_payer on escrows (payer_id) where state <> 'SETTLED'`,
  `create index escrows_locked on escrows (locked_at) where state = 'LOCKED'`,

  `create table jobs (
    id uuid primary key,
    user_id uuid not null references users,
    quote_id uuid not null unique references quotes,
    name text not null,
    state text not null,
    priority integer not null default 1,
    total_steps bigint not null,
    total_epochs integer not null,
    committed_step bigint not null default 0,
    attempts integer not null default 0,
    banned_machines uuid[] not null default '{}',
    progress jsonb not null default '{}',
    placement jsonb,
    result jsonb,
    failure jsonb,
    verification text not null default 'unverified',
    cancel_keep_model boolean,
    created_at timestamptz not null,
    started_at timestamptz,
    ended_at timestamptz
  )`,
  `create index jobs_user on jobs (user_id, created_at desc, id)`,
  `create index jobs_waiting on jobs (created_at) where state = 'ESCROWED'`,
  `create index jobs_open on jobs (state) where state not in ('COMPLETED', 'FAILED', 'CANCELLED')`,

  `create sequence fencing_tokens`,
  `create table assignments (
    id uuid primary key,
    job_id uuid not null references jobs,
    unit_id text not null references compute_units,
    machine_id uuid not null references machines,
    kind text not null check (kind in ('TRAIN', 'VERIFY')),
    state text not null,
    fencing_token bigint not null unique default nextval('fencing_tokens'),
    from_step bigint not null,
    lease_expires_at timestamptz not null,
    offered_at timestamptz not null,
    accepted_at timestamptz,
    started_at timestamptz,
    ended_at timestamptz,
    failure jsonb
  )`,
  `create index assignments_job on assignments (job_id)`,
  // One live attempt to train a job at a time, whatever goes wrong above.
  `create unique index assignments_one_live on assignments (job_id, kind) where ended_at is null`,
  `create index assignments_live on assignments (machine_id) where ended_at is null`,

  `create table checkpoints (
    job_id uuid not null references jobs,
    step bigint not null,
    cid text not null references objects,
    sha256 text not null,
    size_bytes bigint not null,
    assignment_id uuid not null references assignments,
    unit_id text not null,
    machine_id uuid not null,
    committed_at timestamptz not null,
    primary key (job_id, step)
  )`,

  `create table job_events (
    id bigint generated always as identity primary key,
    job_id uuid not null references jobs,
    at timestamptz not null,
    kind text not null,
    message text not null
  )`,
  `create index job_events_job on job_events (job_id, id)`,

  `create table loss_points (
    job_id uuid not null references jobs,
    step bigint not null,
    loss double precision not null,
    accuracy double precision,
    test_accuracy double precision,
    primary key (job_id, step)
  )`,

  // Double entry. A transaction's postings sum to zero; nothing is ever changed or removed; balances are sums.
  `create table ledger_transactions (
    id bigint generated always as identity primary key,
    key text not null unique,
    kind text not null,
    command text not null,
    escrow_id uuid,
    at timestamptz not null
  )`,
  // One lock and one settlement for an escrow, whatever the keys of the commands were.
  `create unique index ledger_transactions_escrow on ledger_transactions (escrow_id, kind) where escrow_id is not null`,
  `create table postings (
    id bigint generated always as identity primary key,
    transaction_id bigint not null references ledger_transactions,
    account text not null,
    amount bigint not null
  )`,
  // With the amount in the index a balance is summed from the index alone.
  `create index postings_account on postings (account, id) include (amount)`,
  `create index postings_transaction on postings (transaction_id)`,
  `create function refuse_change() returns trigger language plpgsql as $$
    begin
      raise exception '% is append-only', tg_table_name using errcode = 'integrity_constraint_violation';
    end
  $$`,
  `create trigger postings_append_only before update or delete or truncate on postings
    for each statement execute function refuse_change()`,
  `create trigger ledger_transactions_append_only before update or delete or truncate on ledger_transactions
    for each statement execute function refuse_change()`,
  // Checked once for each statement, so the postings of a transaction come in one statement.
  `create function check_balanced() returns trigger language plpgsql as $$
    declare
      unbalanced bigint;
    begin
      select transaction_id into unbalanced from added group by transaction_id having sum(amount) <> 0 limit 1;
      if found then
        raise exception 'ledger transaction % does not balance', unbalanced
          using errcode = 'integrity_constraint_violation';
      end if;
      return null;
    end
  $$`,
  `create trigger postings_balanced after insert on postings referencing new table as added
    for each statement execute function check_balanced()`,

  `create table unit_earnings (
    job_id uuid not null references jobs,
    unit_id text not null references compute_units,
    owner_id uuid not null references users,
    amount bigint not null check (amount >= 0),
    earned_at timestamptz not null,
    primary key (job_id, unit_id)
  )`,
  `create index unit_earnings_unit on unit_earnings (unit_id, earned_at)`,
  `create index unit_earnings_owner on unit_earnings (owner_id, earned_at)`,

  // Effects outside this database, done at least once after the commit that decided them; each is idempotent by its key.
  `create table outbox (
    id bigint generated always as identity primary key,
    key text not null unique,
    kind text not null,
    payload jsonb not null,
    attempts integer not null default 0,
    next_attempt_at timestamptz not null,
    last_error text,
    done_at timestamptz,
    created_at timestamptz not null
  )`,
  `create index outbox_due on outbox (next_attempt_at) where done_at is null`,
];
