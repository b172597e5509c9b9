/**
 * The tables as Kysely sees them; `migrations/` is where they come from.
 *
 * bigint columns arrive as `bigint` and timestamptz as `Date` (parsers are set on the pool).
 */
import type { ColumnType, Generated, JSONColumnType } from "kysely";

type Json<T> = JSONColumnType<T & object>;
type Defaulted<T> = ColumnType<T, T | undefined, T>;

export interface MarketDatabase {
  users: UsersTable;
  machines: MachinesTable;
  compute_units: ComputeUnitsTable;
  objects: ObjectsTable;
  object_readers: ObjectReadersTable;
  quotes: QuotesTable;
  escrows: EscrowsTable;
  jobs: JobsTable;
  assignments: AssignmentsTable;
  checkpoints: CheckpointsTable;
  job_changes: JobChangesTable;
  verifications: VerificationsTable;
  reruns: RerunsTable;
  receipts: ReceiptsTable;
  networks: NetworksTable;
  reputation_receipts: ReputationReceiptsTable;
  penalties: PenaltiesTable;
  challenges: ChallengesTable;
  job_events: JobEventsTable;
  loss_points: LossPointsTable;
  ledger_transactions: LedgerTransactionsTable;
  postings: PostingsTable;
  unit_earnings: UnitEarningsTable;
  outbox: OutboxTable;
}

export interface UsersTable {
  id: string;
  email: string;
  username: string;
  name: string;
  password_hash: string;
  role: Defaulted<"user" | "admin" | "platform">;
  wallet_address: string | null;
  created_at: Date;
}

export interface MachinesTable {
  id: string;
  owner_id: string;
  public_key: Uint8Array;
  api_key_hash: Uint8Array;
  name: string;
  hostname: string;
  os: string;
  ip_address: string;
  port: number | null;
  region: string | null;
  fingerprint: string | null;
  version: string | null;
  hardware: Json<unknown>;
  state: string;
  maintenance: Defaulted<boolean>;
  reputation: number;
  jobs_completed: Defaulted<number>;
  jobs_failed: Defaulted<number>;
  successes_counted: Defaulted<number>;
  last_seen_at: Date | null;
  registered_at: Date;
}

export interface ComputeUnitsTable {
  id: string;
  machine_id: string;
  owner_id: string;
  device_type: "cpu" | "gpu";
  device_id: number;
  device_name: string;
  allocation: Json<unknown>;
  cores: Defaulted<number>;
  memory_bytes: bigint;
  price_per_hour: bigint;
  train_flops_per_second: number | null;
  lowering: string | null;
  build: string | null;
  hardware_class: string | null;
  calibration: ColumnType<unknown, string | null | undefined, string | null>;
  challenged_at: ColumnType<Date | null, Date | null | undefined, Date | null>;
  status: string;
  status_reason: string | null;
  load_percent: Defaulted<number>;
  registered_at: Date;
}

interface ObjectsTable {
  cid: string;
  size_bytes: bigint;
  sha256: string;
  created_at: Date;
}

interface ObjectReadersTable {
  cid: string;
  user_id: string;
}

export interface QuotesTable {
  id: string;
  user_id: string;
  amount: bigint;
  name: string;
  graph: string;
  graph_hash: string;
  dataset: Json<unknown>;
  settings: Json<unknown>;
  requirements: Json<unknown>;
  cost: Json<unknown>;
  offer: Json<unknown>;
  seed: string;
  total_steps: bigint;
  signature: string;
  created_at: Date;
  expires_at: Date;
}

interface EscrowsTable {
  quote_id: string;
  payer_id: string;
  amount: bigint;
  state: string;
  owner_amount: Defaulted<bigint>;
  platform_amount: Defaulted<bigint>;
  refunded_amount: Defaulted<bigint>;
  shares: ColumnType<unknown, string | undefined, string>;
  locked_at: Date | null;
  settled_at: Date | null;
}

export interface JobsTable {
  id: string;
  user_id: string;
  quote_id: string;
  name: string;
  state: string;
  priority: Defaulted<number>;
  total_steps: bigint;
  total_epochs: number;
  committed_step: Defaulted<bigint>;
  attempts: Defaulted<number>;
  banned_machines: Defaulted<string[]>;
  /** Whose work on it was refused or contested, on whatever machine. */
  banned_owners: Defaulted<string[]>;
  progress: ColumnType<unknown, string | undefined, string>;
  placement: ColumnType<unknown, string | null | undefined, string | null>;
  result: ColumnType<unknown, string | null | undefined, string | null>;
  failure: ColumnType<unknown, string | null | undefined, string | null>;
  verification: Defaulted<string>;
  initial_sha256: ColumnType<string | null, string | null | undefined, string | null>;
  cancel_keep_model: boolean | null;
  created_at: Date;
  started_at: Date | null;
  ended_at: Date | null;
}

export interface AssignmentsTable {
  id: string;
  job_id: string;
  unit_id: string;
  machine_id: string;
  kind: "TRAIN" | "VERIFY";
  state: string;
  fencing_token: Generated<bigint>;
  from_step: bigint;
  lowering: string;
  build: string;
  hardware_class: string;
  threads: number;
  lease_expires_at: Date;
  offered_at: Date;
  accepted_at: Date | null;
  started_at: Date | null;
  ended_at: Date | null;
  failure: ColumnType<unknown, string | null | undefined, string | null>;
}

interface CheckpointsTable {
  job_id: string;
  step: bigint;
  cid: string;
  sha256: string;
  size_bytes: bigint;
  assignment_id: string;
  unit_id: string;
  machine_id: string;
  committed_at: Date;
}

export interface JobChangesTable {
  id: string;
  job_id: string;
  learning_rate: number | null;
  batch_size: number | null;
  stop: Defaulted<boolean>;
  signature: string;
  requested_at: Date;
  applied_step: ColumnType<bigint | null, bigint | null | undefined, bigint | null>;
  applied_by: ColumnType<string | null, string | null | undefined, string | null>;
}

export interface VerificationsTable {
  id: string;
  job_id: string;
  assignment_id: string | null;
  subject: "interval" | "failure";
  ending: Json<unknown>;
  chain: Json<unknown>;
  root: string;
  machine_id: string | null;
  lowering: string | null;
  build: string | null;
  hardware_class: string | null;
  threads: number | null;
  from_step: bigint | null;
  to_step: bigint | null;
  is_audited: Defaulted<boolean>;
  drawn_at: Date;
  decided_at: ColumnType<Date | null, Date | null | undefined, Date | null>;
  verdict: ColumnType<string | null, string | null | undefined, string | null>;
}

export interface RerunsTable {
  assignment_id: string;
  verification_id: string;
  unit_id: string;
  machine_id: string;
  owner_id: string;
  is_platform: boolean;
  is_trusted: boolean;
  mode: "exact" | "distance";
  pay: bigint;
  inputs: string[];
  paid: Defaulted<bigint>;
  outcome: ColumnType<string | null, string | null | undefined, string | null>;
  reasons: ColumnType<unknown, string | null | undefined, string | null>;
  distance: ColumnType<number | null, number | null | undefined, number | null>;
  reported_at: ColumnType<Date | null, Date | null | undefined, Date | null>;
}

interface ReceiptsTable {
  job_id: string;
  /** The canonical JSON that is signed. */
  body: string;
  key_id: string;
  signature: string;
  issued_at: Date;
}

interface NetworksTable {
  id: string;
  created_at: Date;
}

interface ReputationReceiptsTable {
  id: Generated<bigint>;
  machine_id: string;
  at: Date;
  cause: string;
  evidence: Json<unknown>;
  score_before: number;
  score_after: number;
}

interface PenaltiesTable {
  id: Generated<bigint>;
  machine_id: string;
  at: Date;
  cause: string;
  percent: number;
  is_ban: boolean;
  is_applied: boolean;
  evidence: Json<unknown>;
}

interface ChallengesTable {
  id: string;
  unit_id: string;
  machine_id: string;
  seed: string;
  rounds: Json<unknown>;
  cause: string;
  issued_at: Date;
  deadline_at: Date;
  ended_at: ColumnType<Date | null, Date | null | undefined, Date | null>;
  outcome: ColumnType<string | null, string | null | undefined, string | null>;
  measured: ColumnType<unknown, string | null | undefined, string | null>;
}

interface JobEventsTable {
  id: Generated<bigint>;
  job_id: string;
  at: Date;
  kind: string;
  message: string;
}

interface LossPointsTable {
  job_id: string;
  step: bigint;
  loss: number;
  accuracy: number | null;
  test_accuracy: number | null;
}

interface LedgerTransactionsTable {
  id: Generated<bigint>;
  key: string;
  kind: string;
  /** The command in one line (`describeCommand`): a key that comes again must come with the same line. */
  command: string;
  escrow_id: string | null;
  at: Date;
}

interface PostingsTable {
  id: Generated<bigint>;
  transaction_id: bigint;
  account: string;
  amount: bigint;
}

interface UnitEarningsTable {
  job_id: string;
  unit_id: string;
  owner_id: string;
  kind: Defaulted<"TRAIN" | "VERIFY">;
  amount: bigint;
  earned_at: Date;
}

interface OutboxTable {
  id: Generated<bigint>;
  key: string;
  kind: string;
  payload: Json<unknown>;
  attempts: Defaulted<number>;
  next_attempt_at: Date;
  last_error: string | null;
  done_at: Date | null;
  created_at: Date;
}
