/**
 * Names this way of turning a graph into ONNX operators.
 *
 * Results of one lowering are bit-identical on one build and hardware class, and checks by re-execution rely on it: the
 * name is part of every receipt. It must change with every edit that can change a bit of a training run: another
 * operator, another order of sums, another formula or another initial value. Renaming values and dropping nodes that
 * nothing needs does not count. `lowering.test.ts` holds a digest of emitted graphs and fails when the name is due.
 */
export const LOWERING: string = "onnx-cpu-1";
