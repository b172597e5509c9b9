/** Caps of the Server Node, each with its reason. */

/** Assignments at the same time: past this the per-assignment overhead of a child process outweighs what it earns. */
export const CONCURRENT_JOBS = 64;

/** Bytes of a configuration file: the documented one has 2 KiB; more is another file given by mistake. */
export const CONFIG_BYTES: number = 256 * 1024;

/** `nvidia-smi` takes about 70 ms on a healthy driver and hangs on a broken one; then the node starts without GPUs. */
export const NVIDIA_SMI_MS = 5_000;

/** Output of `nvidia-smi`: 64 GPUs need 16 KiB. */
export const NVIDIA_SMI_BYTES: number = 1024 * 1024;

/** Queries of `nvidia-smi` before giving up: each drops one field that the driver does not know. */
export const NVIDIA_SMI_ATTEMPTS = 6;

/** The self-benchmark of a unit: long enough for two steady runs, short enough that a start feels instant. */
export const BENCHMARK_MS = 500;

/** Measurements kept in the data folder: one per build, lowering and thread count; old builds fall out. */
export const BENCHMARKS_KEPT = 32;

/** A REST call that answers from a database takes milliseconds; past this the server is taken for gone. */
export const REST_MS = 10_000;

/** A gRPC heartbeat has this deadline on the wire (wire contract, "Nodes"). */
export const GRPC_CALL_MS = 5_000;

/** Interval of the REST heartbeat (Full Connection document). */
export const REST_HEARTBEAT_MS = 15_000;

/** A new connection is refused or accepted in one round trip; a silent one is dropped after this. */
export const STREAM_WELCOME_MS = 10_000;

/** The longest wait between two attempts to reach the server: an operator who fixes it sees the node within a minute. */
export const RECONNECT_MAX_MS = 60_000;

/** Bytes of a JSON answer: the largest, the registration of 80 units, has 16 KiB. */
export const REST_ANSWER_BYTES: number = 1024 * 1024;

/** Reports that wait for an answer. A checkpoint comes about once a minute, so this is reached only after days without a server. */
export const WAITING_REPORTS = 4_096;

/** Reports sent and not yet answered on one stream: keeps memory small on both sides of a slow link. */
export const REPORTS_IN_FLIGHT = 32;

/** Progress reports of one assignment that wait for an answer: an answer later than two seconds is not waited for. */
export const PROGRESS_IN_FLIGHT = 4;

/** Progress goes to the server at most this often; only the newest counts. */
export const PROGRESS_EVERY_MS = 500;

/** Bytes of one dataset or checkpoint that a node fetches. */
export const OBJECT_BYTES: number = 16 * 1024 ** 3;

/** The dataset cache, unless the disk has less than ten times this free: then a tenth of what is free. */
export const DATASET_CACHE_BYTES: number = 20 * 1024 ** 3;

/** Attempts of one download, with growing waits between them: together about half a minute of outage. */
export const TRANSFER_ATTEMPTS = 6;
export const TRANSFER_FIRST_DELAY_MS = 500;
export const TRANSFER_MAX_DELAY_MS = 15_000;

/** A transfer that moves no byte for this long is broken, however large it is. */
export const TRANSFER_STALL_MS = 60_000;

/** After SIGTERM: time to write and upload checkpoints and to have the last reports answered. */
export const DRAIN_MS = 45_000;

/** How often `status.json` is written when nothing happens. */
export const STATUS_EVERY_MS = 5_000;

/** Checkpoints of one assignment that wait for their upload: past it the node reads no further events until one is up. */
export const WAITING_UPLOADS = 4;

/** Steps between checkpoints where the server leaves it to the node. */
export const CHECKPOINT_EVERY_STEPS = 200;

/** Characters of a foreign message that are passed on in a report. */
export const MESSAGE_CHARACTERS = 1_000;

/** How long an offer waits for a device that is being released: a trainer stops between two runs, well under a second. */
export const OFFER_HOLD_MS = 5_000;

/** Changes of one job: a person at a slider makes fewer, and every one is hashed into the checkpoint chain. */
export const LIVE_CHANGES = 1_000;
