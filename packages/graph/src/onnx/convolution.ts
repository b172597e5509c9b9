/**
 * Two-dimensional convolution and its gradients, in operators that inference runtimes have.
 *
 * The input's gradient is a ConvTranspose. The weight's gradient has three forms, all exact, chosen by shape as measured
 * on the CPU provider: one product per filter tap needs no copy of the input per tap side by side (im2col), and is 1.7
 * to 2.4 times faster where there are channels enough; with few channels the joined form wins.
 */
import type { Emitter, Value } from "./emitter.ts";
import {
  batchedProductTransposed,
  channelSum,
  extent,
  gemm,
  joined,
  reduced,
  reshaped,
  sizeOf,
  sliced,
  transposed,
} from "./plain.ts";

export interface Conv2dOptions {
  readonly stride: number;
  /** Zeros around the image, in ONNX's order. */
  readonly pads: readonly [top: number, left: number, bottom: number, right: number];
}

/** Below this many input channels, products per tap are too thin to pay. */
const FEW_CHANNELS = 8;
/** Up to this many output positions in the batch, one product over all samples beats one per sample. */
const FEW_POSITIONS = 32_768;

/**
 * Cross-correlation, as PyTorch's Conv2d.
 *
 * Shapes: x [N, C, H, W], weight [O, C, k, k], bias [O] → [N, O, H', W'], H' = ⌊(H + pads − k) / stride⌋ + 1.
 * @see ONNX operator Conv, version 11.
 */
export function conv2d(
  emit: Emitter,
  operands: readonly [x: Value, weight: Value, bias: Value | undefined],
  options: Conv2dOptions,
): Value {
  const [x, weight, bias] = operands;
  const { stride, pads } = options;
  const kernel = extent(weight, 2);
  const [top, left, bottom, right] = pads;
  const rows = extent(x, 2) + top + bottom - kernel;
  const columns = extent(x, 3) + left + right - kernel;
  const shape = [extent(x, 0), extent(weight, 0), Math.floor(rows / stride) + 1, Math.floor(columns / stride) + 1];
  const window = {
    kernel_shape: { ints: [kernel, kernel] },
    strides: { ints: [stride, stride] },
    pads: { ints: pads },
  };
  const output = emit.op("Conv", bias ? [x, weight, bias] : [x, weight], shape, window);
  return emit.record({
    output,
    inputs: bias ? [x, weight, bias] : [x, weight],
    backward: (gradient, needs) => {
      // Rows and columns that no window reached come back as zeros.
      const unread = { output_padding: { ints: [rows % stride, columns % stride] } };
      return [
        needs(x) ? emit.op("ConvTranspose", [gradient, weight], x.shape, { ...window, ...unread }) : undefined,
        weightGradient(emit, { x, gradient, kernel, ...options }),
        bias ? channelSum(emit, gradient) : undefined,
      ];
    },
  });
}

interface Taps extends Conv2dOptions {
  readonly x: Value;
  readonly gradient: Value;
  readonly kernel: number;
}

function weightGradient(emit: Emitter, taps: Taps): Value {
  const [batch, filters, height, width] = [0, 1, 2, 3].map((axis) => extent(taps.gradient, axis)) as [
    number,
    number,
    number,
    number,
  ];
  const { kernel } = taps;
  const channels = extent(taps.x, 1);
  const padded = padImage(emit, taps);
  if (channels < FEW_CHANNELS) {
    // cols [N, k·k·C, P]; Σ over N of g [N, O, P]·colsᵀ is [O, k·k·C].
    const columns = joined(emit, tapSlices(emit, padded, taps, 2), 1);
    const flat = reshaped(emit, columns, [batch, kernel * kernel * channels, height * width]);
    const product = batchedProductTransposed(
      emit,
      reshaped(emit, taps.gradient, [batch, filters, height * width]),
      flat,
    );
    const sum = reduced(emit, product, { op: "ReduceSum", axes: [0], keep: false });
    return transposed(emit, reshaped(emit, sum, [filters, kernel, kernel, channels]), [0, 3, 1, 2]);
  }
  const parts =
    batch * height * width < FEW_POSITIONS
      ? tapProducts(emit, transposed(emit, padded, [0, 2, 3, 1]), taps)
      : tapProductsPerSample(emit, padded, taps);
  const stacked = joined(
    emit,
    parts.map((part) => reshaped(emit, part, [filters, channels, 1])),
    2,
  );
  return reshaped(emit, stacked, [filters, channels, kernel, kernel]);
}

/** Per tap, g [O, N·P] · x [N·P, C], from an image with the channels last. */
function tapProducts(emit: Emitter, channelsLast: Value, taps: Taps): readonly Value[] {
  const filters = extent(taps.gradient, 1);
  const positions = sizeOf(taps.gradient.shape) / filters;
  const outgoing = reshaped(emit, transposed(emit, taps.gradient, [1, 0, 2, 3]), [filters, positions]);
  return tapSlices(emit, channelsLast, taps, 1).map((tap) =>
    gemm(emit, [outgoing, reshaped(emit, tap, [positions, extent(taps.x, 1)])]),
  );
}

/** Per tap, Σ over N of g [N, O, P] · x [N, C, P]ᵀ. */
function tapProductsPerSample(emit: Emitter, padded: Value, taps: Taps): readonly Value[] {
  const [batch, filters] = [extent(taps.gradient, 0), extent(taps.gradient, 1)];
  const positions = sizeOf(taps.gradient.shape) / (batch * filters);
  const outgoing = reshaped(emit, taps.gradient, [batch, filters, positions]);
  return tapSlices(emit, padded, taps, 2).map((tap) => {
    const incoming = reshaped(emit, tap, [batch, extent(taps.x, 1), positions]);
    const products = batchedProductTransposed(emit, outgoing, incoming);
    return reduced(emit, products, { op: "ReduceSum", axes: [0], keep: false });
  });
}

/** What each filter tap saw, row by row: k·k slices whose height and width are the output's. */
function tapSlices(emit: Emitter, image: Value, taps: Taps, heightAxis: number): readonly Value[] {
  const { kernel, stride, gradient } = taps;
  const rowSpan = (extent(gradient, 2) - 1) * stride + 1;
  const columnSpan = (extent(gradient, 3) - 1) * stride + 1;
  return Array.from({ length: kernel * kernel }, (_, tap) => {
    const row = Math.floor(tap / kernel);
    const column = tap % kernel;
    return sliced(emit, image, [
      { axis: heightAxis, start: row, end: row + rowSpan, step: stride },
      { axis: heightAxis + 1, start: column, end: column + columnSpan, step: stride },
    ]);
  });
}

function padImage(emit: Emitter, { x, pads }: Taps): Value {
  const [top, left, bottom, right] = pads;
  if (top + left + bottom + right === 0) return x;
  const shape = [extent(x, 0), extent(x, 1), extent(x, 2) + top + bottom, extent(x, 3) + left + right];
  return emit.op("Pad", [x, emit.integers([0, 0, top, left, 0, 0, bottom, right])], shape);
}
