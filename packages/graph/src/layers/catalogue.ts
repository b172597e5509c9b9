/** Every layer type, by its name. A new layer is one file beside this one, a name in `LAYER_TYPES`, and a line here. */
import type { LayerDefinition } from "../layer/layer-definition.ts";
import type { LayerType } from "../model/layer-type.ts";
import { adam } from "./adam.ts";
import { adamw } from "./adamw.ts";
import { add } from "./add.ts";
import { avgPool2d } from "./avg-pool2d.ts";
import { batchNorm } from "./batch-norm.ts";
import { concatenate } from "./concatenate.ts";
import { conv2d } from "./conv2d.ts";
import { crossEntropyLoss } from "./cross-entropy-loss.ts";
import { datasetInput } from "./dataset-input.ts";
import { dense } from "./dense.ts";
import { dropout } from "./dropout.ts";
import { flatten } from "./flatten.ts";
import { gelu } from "./gelu.ts";
import { layerNorm } from "./layer-norm.ts";
import { maxPool2d } from "./max-pool2d.ts";
import { mseLoss } from "./mse-loss.ts";
import { output } from "./output.ts";
import { relu } from "./relu.ts";
import { sgd } from "./sgd.ts";
import { sigmoid } from "./sigmoid.ts";
import { softmax } from "./softmax.ts";
import { tanh } from "./tanh.ts";

export const CATALOGUE: Readonly<Record<LayerType, LayerDefinition>> = {
  DatasetInput: datasetInput,
  Dense: dense,
  Conv2D: conv2d,
  MaxPool2D: maxPool2d,
  AvgPool2D: avgPool2d,
  Flatten: flatten,
  ReLU: relu,
  GELU: gelu,
  Tanh: tanh,
  Sigmoid: sigmoid,
  Softmax: softmax,
  Dropout: dropout,
  BatchNorm: batchNorm,
  LayerNorm: layerNorm,
  Add: add,
  Concatenate: concatenate,
  Output: output,
  CrossEntropyLoss: crossEntropyLoss,
  MSELoss: mseLoss,
  SGD: sgd,
  Adam: adam,
  AdamW: adamw,
};
