/** Caps on what a graph may hold. Graph files come from strangers; every loop over one is bounded by a number here. */

/**
 * Length of a graph file's text, in UTF-16 code units (never more than its UTF-8 bytes).
 * Reason: three times the largest graph with usual parameters; reading that much takes a quarter of a second.
 */
export const MAX_FILE_LENGTH: number = 16 * 1024 * 1024;

/** Nesting of brackets in a graph file. Ours needs 5, and Engine graph files 4; the rest is for later versions. */
export const MAX_FILE_DEPTH = 16;

/** Nodes of a graph. Reason: ResNet-152 has about 520 layers; the canvas stays fluid at ten times that. */
export const MAX_NODES = 5_000;

/** Links of a graph: four a node, which leaves room for dense skips. */
export const MAX_LINKS: number = 4 * MAX_NODES;

/** Parameters of one node. Reason: no layer of the catalogue has more than ten; a file may carry a few unknown ones. */
export const MAX_PARAMS = 32;

/** Characters of a graph's or node's name: one line of a panel. */
export const MAX_NAME_LENGTH = 200;

/** Characters of a description: a screen of text. */
export const MAX_DESCRIPTION_LENGTH = 4_000;

/** Characters of a parameter's text value: the longest that the catalogue allows is a dataset's name, 256. */
export const MAX_PARAM_TEXT_LENGTH = 256;

/** Distance of a node from the canvas' origin, in pixels. Reason: up to 2^24 a GPU's 32-bit floats hold whole pixels. */
export const MAX_POSITION = 10_000_000;

/** Pins are counted from 0; no layer of the catalogue has more than two, Engine layers have at most six. */
export const MAX_PIN = 63;

/** Axes of one sample: [frames, channels, depth, height, width] and one to spare. */
export const MAX_SAMPLE_AXES = 6;

/**
 * Elements of one tensor, for one sample or one parameter.
 * Reason: ONNX tools index elements with 32-bit signed integers in places, and cost sums stay exact below 2^53.
 */
export const MAX_TENSOR_ELEMENTS: number = 2 ** 31 - 1;

/** Nodes that a message lists by name before it says "and n more". */
export const MAX_NAMES_IN_MESSAGE = 12;

/** Epochs that an imported file may suggest. Reason: far beyond any useful run; a larger number is a slip of the pen. */
export const MAX_SUGGESTED_EPOCHS = 100_000;
