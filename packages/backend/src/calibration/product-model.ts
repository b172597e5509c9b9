/**
 * One step of a matrix chain, X' = (M · X) mod 31, in the form of a model that is trained: X is its state, M its batch.
 *
 * So every driver that trains computes the chain too, with the kernels and threads that it trains with. There is no loss;
 * the output of that name is the unused target.
 */
import { type CompiledModel, LOWERING } from "@cyxwiz/graph";
import { integer, nested, operator, scalar, tensor, text } from "./onnx-bytes.ts";

/** Of the arithmetic; the same as the server checks with (packages/market/SPEC.md, CAL1). */
export const MODULUS = 31;

/** The state's name. */
export const STATE = "X";

const IR_VERSION = 8;
const OPSET = 18;

/**
 * Shapes: state X [1, size, size]; xs (M) [1, size, size]; ys [1, size], not used.
 *
 * The remainder is S − 31 · ⌊(S + ½) ÷ 31⌋: S is a whole number below 2²¹, so S + ½ is exact, and the division's error is
 * far smaller than the distance of (S + ½) ÷ 31 from the next whole number.
 */
export function productModel(size: number): CompiledModel {
  const shape = [1, size, size];
  const graph = [
    ...nested(1, operator("MatMul", ["xs", STATE], "S")),
    ...nested(1, operator("Add", ["S", "half"], "raised")),
    ...nested(1, operator("Mul", ["raised", "inverse"], "quotient")),
    ...nested(1, operator("Floor", ["quotient"], "whole")),
    ...nested(1, operator("Mul", ["whole", "modulus"], "multiple")),
    ...nested(1, operator("Sub", ["S", "multiple"], `${STATE}'`)),
    ...nested(1, operator("Identity", ["ys"], "losses")),
    ...text(2, "matrix chain"),
    ...nested(5, scalar("half", 0.5)),
    ...nested(5, scalar("inverse", 1 / MODULUS)),
    ...nested(5, scalar("modulus", MODULUS)),
    ...nested(11, tensor("xs", shape)),
    ...nested(11, tensor(STATE, shape)),
    ...nested(11, tensor("ys", [1, size])),
    ...nested(12, tensor(`${STATE}'`, shape)),
    ...nested(12, tensor("losses", [1, size])),
  ];
  const model = [...integer(1, IR_VERSION), ...nested(7, graph), ...nested(8, [...text(1, ""), ...integer(2, OPSET)])];
  const onnx = Uint8Array.from(model);
  return {
    lowering: LOWERING,
    batchSize: size,
    sampleShape: [size],
    outputShape: [],
    task: "regress",
    state: [{ name: STATE, shape, role: "weight", init: { kind: "zeros" } }],
    train: { onnx, stepsPerRun: 1, scalarNames: [], dropout: [] },
    predict: { onnx },
    scalarsAt: () => [],
    defaultLearningRate: 0,
    exportOnnx: () => onnx,
  };
}
