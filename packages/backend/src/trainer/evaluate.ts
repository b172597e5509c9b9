/** Loss and accuracy on samples that were not trained on. */
import type { CompiledModel } from "@cyxwiz/graph";
import type { BatchSource } from "../dataset/batch-source.ts";
import { elements } from "../dataset/samples.ts";

export interface Evaluation {
  readonly loss: number;
  readonly accuracy?: number;
}

export interface Predictor {
  predict(x: Float32Array, samples: number): Promise<Float32Array>;
}

/**
 * Means over all samples, in double precision; the last batch may be shorter. For classifiers the model's answer is
 * taken as scores before softmax, as cross-entropy takes it, and of equal scores the first counts.
 */
export async function evaluate(predictor: Predictor, model: CompiledModel, source: BatchSource): Promise<Evaluation> {
  const { batchSize, task } = model;
  const inputSize = elements(model.sampleShape);
  const outputSize = elements(model.outputShape);
  let loss = 0;
  let correct = 0;
  for (let start = 0; start < source.count; start += batchSize) {
    const samples = Math.min(batchSize, source.count - start);
    const x = new Float32Array(samples * inputSize);
    const targets = task === "classify" ? new BigInt64Array(samples) : new Float32Array(samples * outputSize);
    for (let i = 0; i < samples; i++) {
      source.copyInput(start + i, x, i);
      source.copyTarget(start + i, targets, i);
    }
    const answers = await predictor.predict(x, samples);
    for (let i = 0; i < samples; i++) {
      const answer = answers.subarray(i * outputSize, (i + 1) * outputSize);
      if (targets instanceof BigInt64Array) {
        const label = Number(targets[i]);
        loss += crossEntropy(answer, label);
        if (highest(answer) === label) correct++;
      } else {
        loss += meanSquare(answer, targets.subarray(i * outputSize, (i + 1) * outputSize));
      }
    }
  }
  return { loss: loss / source.count, ...(task === "classify" ? { accuracy: correct / source.count } : {}) };
}

function crossEntropy(scores: Float32Array, label: number): number {
  const most = scores.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const sum = scores.reduce((total, score) => total + Math.exp(score - most), 0);
  return Math.log(sum) + most - (scores[label] as number);
}

function meanSquare(answer: Float32Array, target: Float32Array): number {
  return answer.reduce((sum, value, i) => sum + (value - (target[i] as number)) ** 2, 0) / answer.length;
}

function highest(scores: Float32Array): number {
  let best = 0;
  for (let i = 1; i < scores.length; i++) if ((scores[i] as number) > (scores[best] as number)) best = i;
  return best;
}
