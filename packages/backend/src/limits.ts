/** Caps of this package, each with its reason. */

/** Bytes of a safetensors header. The format allows 100 MB; a model of 10,000 tensors needs 1 MB. */
export const SAFETENSORS_HEADER_BYTES: number = 8 * 1024 * 1024;

/** Tensors of one file: four per parameter of the largest graph that the editor holds, with room. */
export const SAFETENSORS_TENSORS = 65_536;

/** Extents of one tensor. No layer has more than five; the rest is room for other writers' files. */
export const TENSOR_RANK = 16;

/** Bytes read or written in one call: large enough for the disk, small enough not to double the memory. */
export const FILE_PIECE_BYTES: number = 8 * 1024 * 1024;

/** Bytes of a dataset object: it is held in memory while it trains, and owners lend machines of 8 GB. */
export const DATASET_BYTES: number = 2 * 1024 * 1024 * 1024;

/** Classes of a dataset: ImageNet-21k has 21,843; names must still fit the header. */
export const DATASET_CLASSES = 32_768;

/** Bytes of a table in text form: it is parsed in memory at about ten times its size. */
export const CSV_BYTES: number = 256 * 1024 * 1024;

/** Distinct labels of a table: more mean that a number was taken for a class. */
export const CSV_CLASSES = 1_000;

/** Bytes of an IDX file once unpacked, so that a small .gz cannot fill the memory. */
export const IDX_BYTES: number = 1024 * 1024 * 1024;

/** Samples in one batch: beyond it a step takes longer than a person waits for "stop". */
export const BATCH_SIZE = 65_536;

/** Passes over the data: the event stream carries one event for each. */
export const EPOCHS = 100_000;

/** Changes of one job while it runs: a person makes a few, a program that makes more should start another job. */
export const CHANGES = 1_000;

/** Computing threads of one session: no CPU sold today has more cores. */
export const THREADS = 512;

/** What one run of the compiled loop should take: short enough to stop at once, long enough to cost nothing. */
export const TARGET_RUN_MS = 100;

/** Updates of one run: past this the overhead of a run is too small to measure, but inputs still grow. */
export const STEPS_PER_RUN = 64;

/** Bytes of the inputs of one run (batches and dropout masks): they are copied into the runtime. */
export const RUN_INPUT_BYTES: number = 64 * 1024 * 1024;

/** Updates that are timed one by one before the length of a run is chosen. The first one also allocates. */
export const TIMED_STEPS = 4;

/** Progress events are for people: five a second look continuous. */
export const PROGRESS_EVERY_MS = 200;

/** Progress events that wait for a slow reader; past it they are dropped, because the next one says more. */
export const WAITING_PROGRESS_EVENTS = 64;

/** All events that wait for a reader. Past it nobody is reading, and the trainer is stopped. */
export const WAITING_EVENTS = 16_384;

/** How long a trainer may take to write its last checkpoint after "stop" before it is killed. */
export const STOP_GRACE_MS = 30_000;

/** Characters of a foreign error message that are passed on. */
export const MESSAGE_CHARACTERS = 500;

/** JavaScript heap of a trainer: datasets and weights live outside it. */
export const TRAINER_HEAP_MB = 1_024;
