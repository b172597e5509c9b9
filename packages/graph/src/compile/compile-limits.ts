/** Caps of compilation. Batch and step counts multiply into the size of every input tensor. */

/** Samples of one step. Reason: beyond this a step is no longer stochastic, and its activations fill any machine. */
export const MAX_BATCH_SIZE: number = 65_536;

/** Steps of one run. Reason: a driver cannot stop, report or checkpoint inside a run, and wants one in about 100 ms. */
export const MAX_STEPS_PER_RUN: number = 1_024;

/** Elements of one input tensor. Reason: runtimes index tensors with 32-bit signed integers in places. */
export const MAX_INPUT_ELEMENTS: number = 2 ** 31 - 1;
