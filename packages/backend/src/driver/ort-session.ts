/**
 * A training session on either ONNX Runtime package: both speak the API of `onnxruntime-common`.
 *
 * With `reuseOutputs` the state lives in two sets of arrays that change places at every run: the runtime reads one and
 * writes the other, so no run allocates or copies state on this side.
 */
import type { CompiledModel, StateTensor } from "@cyxwiz/graph";
import { AppError, assert, defined, errorMessage } from "@cyxwiz/primitives";
import type { InferenceSession, Tensor } from "onnxruntime-node";
import { elements } from "../dataset/samples.ts";
import { BACKEND_ERRORS } from "../errors.ts";
import { MESSAGE_CHARACTERS } from "../limits.ts";
import type { RunInputs, RunResult, StateTensors, TrainingSession } from "./training-driver.ts";

/** The part of an ONNX Runtime package that training needs. */
export interface OrtLibrary {
  readonly driverId: string;
  readonly InferenceSession: {
    create(onnx: Uint8Array, options: InferenceSession.SessionOptions): Promise<InferenceSession>;
  };
  readonly Tensor: {
    new (type: "float32", data: Float32Array, dims: readonly number[]): Tensor;
    new (type: "int64", data: BigInt64Array, dims: readonly number[]): Tensor;
  };
  readonly options: InferenceSession.SessionOptions;
  /** Whether outputs can be written into arrays of ours. */
  readonly reuseOutputs: boolean;
}

type Tensors = Map<string, Tensor>;

export class OrtTrainingSession implements TrainingSession {
  readonly #library: OrtLibrary;
  readonly #model: CompiledModel;
  readonly #train: InferenceSession;
  #predict: InferenceSession | undefined;
  #state: Tensors = new Map();
  #spare: Tensors = new Map();

  private constructor(library: OrtLibrary, model: CompiledModel, train: InferenceSession) {
    this.#library = library;
    this.#model = model;
    this.#train = train;
  }

  /** @throws AppError `backend/driver-failed`. */
  static async open(library: OrtLibrary, model: CompiledModel): Promise<OrtTrainingSession> {
    const train = await guarded(library, "opening", () =>
      library.InferenceSession.create(model.train.onnx, library.options),
    );
    return new OrtTrainingSession(library, model, train);
  }

  async run(inputs: RunInputs): Promise<RunResult> {
    const feeds = this.#feeds(inputs);
    const outputs = await guarded(this.#library, "training", () => this.#train.run(feeds, this.#fetches()));
    const previous = this.#state;
    this.#state = new Map(this.#model.state.map(({ name }) => [name, outputNamed(outputs, `${name}'`)]));
    this.#spare = this.#library.reuseOutputs ? previous : new Map();
    return {
      losses: floats(outputNamed(outputs, "losses")),
      correct: this.#model.task === "classify" ? floats(outputNamed(outputs, "correct")) : undefined,
    };
  }

  async predict(x: Float32Array, samples: number): Promise<Float32Array> {
    const library = this.#library;
    this.#predict ??= await guarded(library, "opening", () =>
      library.InferenceSession.create(this.#model.predict.onnx, library.options),
    );
    const session = this.#predict;
    const feeds: Record<string, Tensor> = {
      x: new library.Tensor("float32", x, [samples, ...this.#model.sampleShape]),
    };
    for (const { name, role } of this.#model.state) {
      if (role !== "optimizer") feeds[name] = defined(this.#state.get(name), `the state tensor ${name}`);
    }
    const outputs = await guarded(library, "prediction", () => session.run(feeds));
    return floats(outputNamed(outputs, "y"));
  }

  async readState(): Promise<StateTensors> {
    return new Map([...this.#state].map(([name, tensor]) => [name, floats(tensor).slice()]));
  }

  async writeState(state: StateTensors): Promise<void> {
    this.#state = new Map(this.#model.state.map((tensor) => [tensor.name, this.#tensorOf(tensor, state)]));
    this.#spare = new Map();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#train.release();
    await this.#predict?.release();
    this.#state = new Map();
    this.#spare = new Map();
  }

  #feeds({ xs, ys, scalars, masks }: RunInputs): Record<string, Tensor> {
    const { Tensor } = this.#library;
    const { batchSize, sampleShape, outputShape, train } = this.#model;
    const lead = [train.stepsPerRun, batchSize];
    const feeds: Record<string, Tensor> = Object.fromEntries(this.#state);
    feeds["xs"] = new Tensor("float32", xs, [...lead, ...sampleShape]);
    feeds["ys"] =
      ys instanceof BigInt64Array
        ? new Tensor("int64", ys, lead)
        : new Tensor("float32", ys, [...lead, ...outputShape]);
    train.scalarNames.forEach((name, i) => {
      feeds[name] = new Tensor("float32", defined(scalars[i], name), [train.stepsPerRun]);
    });
    train.dropout.forEach(({ name, shape }, i) => {
      feeds[name] = new Tensor("float32", defined(masks[i], name), [...lead, ...shape]);
    });
    return feeds;
  }

  #fetches(): Record<string, Tensor | null> {
    const fetches: Record<string, Tensor | null> = { losses: null };
    if (this.#model.task === "classify") fetches["correct"] = null;
    for (const tensor of this.#model.state) {
      fetches[`${tensor.name}'`] = this.#library.reuseOutputs
        ? (this.#spare.get(tensor.name) ?? this.#emptyTensor(tensor))
        : null;
    }
    return fetches;
  }

  #emptyTensor({ shape }: StateTensor): Tensor {
    return new this.#library.Tensor("float32", new Float32Array(elements(shape)), shape);
  }

  #tensorOf({ name, shape }: StateTensor, state: StateTensors): Tensor {
    const values = defined(state.get(name), `the state tensor ${name}`);
    assert(values.length === elements(shape), `${name} has ${values.length} values for [${shape.join(", ")}]`);
    return new this.#library.Tensor("float32", values.slice(), shape);
  }
}

async function guarded<T>(library: OrtLibrary, during: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    const reason = errorMessage(error).slice(0, MESSAGE_CHARACTERS);
    throw new AppError(BACKEND_ERRORS.DRIVER_FAILED, { driver: library.driverId, during, reason }, { cause: error });
  }
}

function outputNamed(outputs: InferenceSession.OnnxValueMapType, name: string): Tensor {
  return defined(outputs[name], `the output ${name}`);
}

function floats(tensor: Tensor): Float32Array {
  assert(tensor.data instanceof Float32Array, "a compiled model's outputs are float32");
  return tensor.data;
}
