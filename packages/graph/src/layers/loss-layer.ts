/** Pins that both losses share. */
import type { PinDefinition } from "../layer/layer-definition.ts";

export const LOSS_INPUTS: readonly PinDefinition[] = [
  { name: "Predictions", kind: "tensor" },
  { name: "Targets", kind: "labels" },
];

export const LOSS_OUTPUTS: readonly PinDefinition[] = [{ name: "Loss", kind: "loss" }];
