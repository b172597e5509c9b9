import type { LayerDefinition } from "../layer/layer-definition.ts";
import { formatShape, onlyInput, refuse, shapeOk } from "./shape-rule.ts";

const MAX_RANK = 3;

export const datasetInput: LayerDefinition = {
  type: "DatasetInput",
  engineNumber: 77,
  role: "data",
  summary: "Where the samples and their labels come from.",
  documentation:
    "Hands out a batch of samples on Data and their labels on Labels. Shapes: Data is [batch, features], " +
    "[batch, length, features] or [batch, channels, height, width]; Labels is one class number per sample, or a target of the " +
    "output's shape. A graph has exactly one.",
  inputs: [],
  outputs: [
    { name: "Data", kind: "tensor" },
    { name: "Labels", kind: "labels" },
  ],
  params: {
    dataset_name: {
      kind: "text",
      default: "",
      maxLength: 256,
      help: "The dataset this graph was drawn for; a run may name another of the same shape.",
    },
    split: {
      kind: "choice",
      default: "train",
      choices: ["train", "validation", "test"],
      help: "Which part of the dataset is read.",
    },
  },
  infer(inputs) {
    const sample = onlyInput(inputs);
    if (sample.length >= 1 && sample.length <= MAX_RANK && sample.every((extent) => extent >= 1))
      return shapeOk(sample);
    return refuse(
      `the dataset's samples are ${formatShape(sample)}, and a sample has 1 to ${MAX_RANK} axes of at least 1 element`,
      "choose a dataset of feature rows, sequences or images",
    );
  },
  parameters: () => [],
  cost: () => ({ forwardFlops: 0, backwardFlops: 0, activationBytes: 0 }),
};
