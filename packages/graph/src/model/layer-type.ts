/** The layer types of the catalogue: names of the Engine's table, one file each in `layers/`. */
export const LAYER_TYPES = [
  "DatasetInput",
  "Dense",
  "Conv2D",
  "MaxPool2D",
  "AvgPool2D",
  "Flatten",
  "ReLU",
  "GELU",
  "Tanh",
  "Sigmoid",
  "Softmax",
  "Dropout",
  "BatchNorm",
  "LayerNorm",
  "Add",
  "Concatenate",
  "Output",
  "CrossEntropyLoss",
  "MSELoss",
  "SGD",
  "Adam",
  "AdamW",
] as const;
export type LayerType = (typeof LAYER_TYPES)[number];

export function isLayerType(value: unknown): value is LayerType {
  return (LAYER_TYPES as readonly unknown[]).includes(value);
}
