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
    role text not null default 'user' check (role in ('user', 'admin', 'platform')),
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
    -- Successes that raised the reputation: below market's NEW_NODE_JOBS the node is new.
    successes_counted integer not null default 0,
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
    -- What calibration measured and when; null until the first one.
    calibration jsonb,
    challenged_at timestamptz,
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
    sha256 text not null,
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
    banned_owners uuid[] not null default '{}',
    progress jsonb not null default '{}',
    placement jsonb,
    result jsonb,
    failure jsonb,
    verification text not null default 'pending',
    initial_sha256 text,
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
    -- What the work is pinned to: the unit's own when it was placed.
    lowering text not null,
    build text not null,
    hardware_class text not null,
    threads integer not null check (threads > 0),
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

  // A user's changes to a running job. applied_step is null while one waits, and again when its attempt is lost.
  `create table job_changes (
    id uuid primary key,
    job_id uuid not null references jobs,
    learning_rate double precision,
    batch_size integer,
    stop boolean not null default false,
    signature text not null,
    requested_at timestamptz not null,
    applied_step bigint,
    applied_by uuid references assignments
  )`,
  `create index job_changes_job on job_changes (job_id, requested_at, id)`,

  // One for each end of a job that has to be checked: what was committed, what was drawn, what came of it.
  `create table verifications (
    id uuid primary key,
    job_id uuid not null references jobs,
    assignment_id uuid references assignments,
    subject text not null check (subject in ('interval', 'failure')),
    ending jsonb not null,
    chain jsonb not null,
    root text not null,
    -- Whose steps are looked at, and with what they were computed.
    machine_id uuid references machines,
    lowering text,
    build text,
    hardware_class text,
    threads integer,
    from_step bigint,
    to_step bigint,
    is_audited boolean not null default false,
    drawn_at timestamptz not null,
    decided_at timestamptz,
    verdict text
  )`,
  `create unique index verifications_open on verifications (job_id) where decided_at is null`,
  `create index verifications_job on verifications (job_id, drawn_at)`,
  `create table reruns (
    assignment_id uuid primary key references assignments,
    verification_id uuid not null references verifications,
    unit_id text not null references compute_units,
    machine_id uuid not null references machines,
    owner_id uuid not null references users,
    is_platform boolean not null,
    -- Whether its answer decides: the platform's, or that of an established node.
    is_trusted boolean not null,
    mode text not null check (mode in ('exact', 'distance')),
    pay bigint not null check (pay >= 0),
    -- Objects that the verifier may read; what it has to find out itself is not among them.
    inputs text[] not null,
    outcome text,
    reasons jsonb,
    distance double precision,
    paid bigint not null default 0,
    reported_at timestamptz
  )`,
  `create index reruns_verification on reruns (verification_id)`,
  `create table receipts (
    job_id uuid primary key references jobs,
    body text not null,
    key_id text not null,
    signature text not null,
    issued_at timestamptz not null
  )`,
  // The name of this market, drawn at its first start.
  `create table networks (id text primary key, created_at timestamptz not null)`,

  // Every change of a machine's reputation with what it follows from; the score is what these add up to.
  `create table reputation_receipts (
    id bigint generated always as identity primary key,
    machine_id uuid not null references machines,
    at timestamptz not null,
    cause text not null,
    evidence jsonb not null,
    score_before integer not null,
    score_after integer not null
  )`,
  `create index reputation_receipts_machine on reputation_receipts (machine_id, id)`,
  `create table penalties (
    id bigint generated always as identity primary key,
    machine_id uuid not null references machines,
    at timestamptz not null,
    cause text not null,
    percent integer not null check (percent between 0 and 100),
    is_ban boolean not null,
    is_applied boolean not null,
    evidence jsonb not null
  )`,
  `create index penalties_machine on penalties (machine_id, id)`,

  // Calibration tasks that were handed out, with what came back.
  `create table challenges (
    id uuid primary key,
    unit_id text not null references compute_units,
    machine_id uuid not null references machines,
    seed text not null,
    rounds jsonb not null,
    cause text not null,
    issued_at timestamptz not null,
    deadline_at timestamptz not null,
    ended_at timestamptz,
    outcome text,
    measured jsonb
  )`,
  `create index challenges_unit on challenges (unit_id, issued_at)`,
  `create unique index challenges_live on challenges (unit_id) where ended_at is null`,

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

  // A unit earns by training a job or by checking one, never by both for one job.
  `create table unit_earnings (
    job_id uuid not null references jobs,
    unit_id text not null references compute_units,
    owner_id uuid not null references users,
    kind text not null default 'TRAIN' check (kind in ('TRAIN', 'VERIFY')),
    amount bigint not null check (amount >= 0),
    earned_at timestamptz not null,
    primary key (job_id, unit_id, kind)
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
