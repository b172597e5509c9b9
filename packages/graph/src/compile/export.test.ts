import { assert, defined, isError } from "@cyxwiz/primitives";
import { Tensor } from "onnxruntime-node";
import { expect, test } from "vitest";
import { COMPILE_ERRORS } from "./compile-errors.ts";
import { compile } from "./compile.ts";
import { graphOf, openSession, predict, randomFloats, randomState } from "./run-compiled.fixture.ts";
import type { GraphRows, Tensors } from "./run-compiled.fixture.ts";

const SAMPLE = [2, 8, 8];
const ROWS: GraphRows = {
  layers: {
    conv: ["Conv2D", { filters: 4 }],
    clip: ["ReLU"],
    pool: ["MaxPool2D"],
    norm: ["BatchNorm"],
    drop: ["Dropout"],
    flat: ["Flatten"],
    layer: ["LayerNorm"],
    last: ["Dense", { units: 3 }],
    out: ["Output", { classes: 3 }],
  },
};

function setup() {
  const model = compile({ ...graphOf(ROWS), name: "Größe 🧠" }, { batchSize: 4, sampleShape: SAMPLE, stepsPerRun: 1 });
  return { model, state: randomState(model) };
}

/** The text that a file holds, as far as it is ASCII. */
function textOf(onnx: Uint8Array): string {
  return Buffer.from(onnx).toString("latin1");
}

function refusal(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}

test("[CM5] an exported model answers as the prediction program does, with weights inside and any batch", async () => {
  const { model, state } = setup();
  const session = await openSession(model.exportOnnx(state));
  expect(session.inputNames).toEqual(["input"]);
  expect(session.outputNames).toEqual(["output"]);
  expect(session.inputMetadata[0]).toMatchObject({ shape: ["batch", 2, 8, 8], type: "float32" });
  expect(session.outputMetadata[0]).toMatchObject({ shape: ["batch", 3] });
  for (const batch of [1, 5]) {
    const x = randomFloats(batch * 128, batch);
    const output = (await session.run({ input: new Tensor(x, [batch, ...SAMPLE]) }))["output"];
    assert(output?.data instanceof Float32Array, "a float32 output");
    expect(output.dims).toEqual([batch, 3]);
    // Not bit for bit: with constant weights the runtime merges a Conv and the BatchNorm behind it.
    const expected = await predict(model, state, x);
    for (const [index, value] of output.data.entries())
      expect(value).toBeCloseTo(defined(expected[index], "a score"), 5);
  }
});

test("[CM5] an exported model holds ONNX's own operators, the layers as drawn, and its maker's name", () => {
  const { model, state } = setup();
  const text = textOf(model.exportOnnx(state));
  expect(text).toContain("CyxWiz");
  expect(text).toContain(Buffer.from("Größe 🧠", "utf8").toString("latin1"));
  expect(text).not.toContain("com.microsoft");
  expect(textOf(model.predict.onnx)).not.toContain("com.microsoft");
  expect(text.indexOf("Relu_")).toBeLessThan(text.indexOf("MaxPool_"));
});

test("an export without a tensor, or with one of another size, is refused by its name", () => {
  const { model, state } = setup();
  const lacking: Tensors = new Map([...state].filter(([name]) => name !== "norm.running_var"));
  const missing = refusal(() => model.exportOnnx(lacking));
  expect(isError(missing, COMPILE_ERRORS.WEIGHT_NOT_FOUND) && missing.context.weight).toBe("norm.running_var");
  const short: Tensors = new Map(state).set("last.bias", new Float32Array(2));
  const wrong = refusal(() => model.exportOnnx(short));
  expect(isError(wrong, COMPILE_ERRORS.WEIGHT_SIZE_MISMATCH) && wrong.context).toEqual({
    weight: "last.bias",
    expected: 3,
    given: 2,
  });
});

test("an export asks for no optimizer tensor", () => {
  const { model, state } = setup();
  const weights = new Map([...state].filter(([name]) => !name.endsWith(".momentum_buffer")));
  expect(weights.size).toBeLessThan(state.size);
  expect(defined(model.exportOnnx(weights), "a file")).toEqual(model.exportOnnx(state));
});
