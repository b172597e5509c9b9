import { sequential } from "../build-graph.ts";
import type { Graph } from "../graph.ts";

/**
 * A small convolutional network for handwritten digits: 1×28×28 images, ten classes, about 106,000 weights.
 *
 * Two rounds of convolution, ReLU and pooling (28 → 14 → 7 pixels), then two dense layers: LeNet-5's plan (LeCun 1998)
 * with today's activation, pool and optimizer.
 */
export function digitsCnn(): Graph {
  return sequential("Digits CNN", [
    ["Conv2D", { filters: 16 }],
    ["ReLU"],
    ["MaxPool2D"],
    ["Conv2D", { filters: 32 }],
    ["ReLU"],
    ["MaxPool2D"],
    ["Flatten"],
    ["Dense", { units: 64 }],
    ["ReLU"],
    ["Dense", { units: 10 }],
    ["Output"],
    ["CrossEntropyLoss"],
    ["Adam"],
  ]);
}
