/** JobConfig of a client that brings no quote, read as the quote request that the server makes for it. Pure. */
import { AppError, amountFromNumber, formatAmount, type Amount } from "@cyxwiz/primitives";
import { DeviceType, JobType, type SubmitJobRequest } from "@cyxwiz/protocol";
import { quoteRequestSchema, type QuoteRequest } from "@cyxwiz/protocol/rest";
import { JOB_ERRORS } from "./job-errors.ts";

/**
 * @throws AppError `central/job-type-unsupported`, `central/dataset-missing`, `central/job-config-malformed` naming each
 * field, its value and what is allowed.
 */
export function quoteRequestOf(request: SubmitJobRequest): QuoteRequest {
  const { config, dataset, settings } = request;
  const jobType = config?.jobType ?? JobType.UNKNOWN;
  if (jobType !== JobType.TRAINING && jobType !== JobType.UNKNOWN) {
    throw new AppError(JOB_ERRORS.JOB_TYPE_UNSUPPORTED, { jobType });
  }
  if (!config || !dataset) throw new AppError(JOB_ERRORS.DATASET_MISSING, {});
  const rate = settings?.learningRate ?? numberIn(config.hyperparameters["learning_rate"]);
  const interval = settings?.checkpointEverySteps ?? 0;
  const parsed = quoteRequestSchema.safeParse({
    graph: config.modelDefinition,
    dataset: {
      cid: dataset.cid,
      size_bytes: Number(dataset.sizeBytes),
      train_samples: Number(dataset.trainSamples),
      test_samples: Number(dataset.testSamples),
      sample_shape: dataset.sampleShape,
      classes: dataset.classes,
      target_shape: dataset.targetShape,
    },
    settings: {
      batch_size: settings?.batchSize || config.batchSize,
      epochs: settings?.epochs || config.epochs,
      ...(rate !== undefined && { learning_rate: rate }),
      ...(interval > 0 && { checkpoint_every_steps: interval }),
    },
    requirements: { device: deviceOf(config.requiredDevice) },
  });
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.slice(0, 8).map((issue) => `${issue.path.join(".")}: ${issue.message}`);
  throw new AppError(JOB_ERRORS.JOB_CONFIG_MALFORMED, { problems });
}

/** The most that the user pays: `payment_amount`, or the default limit where it is 0. */
export function ceilingOf(request: SubmitJobRequest, defaultLimit: Amount): Amount {
  const asked = request.config?.paymentAmount ?? 0;
  return asked === 0 ? defaultLimit : amountFromNumber(asked);
}

/** @throws AppError `central/payment-ceiling-exceeded`. */
export function checkCeiling(amount: Amount, ceiling: Amount): void {
  if (amount <= ceiling) return;
  throw new AppError(JOB_ERRORS.CEILING_EXCEEDED, { ceiling: formatAmount(ceiling), amount: formatAmount(amount) });
}

function deviceOf(device: DeviceType): "any" | "cpu" | "gpu" {
  if (device === DeviceType.DEVICE_UNKNOWN) return "any";
  return device === DeviceType.DEVICE_CPU ? "cpu" : "gpu";
}

function numberIn(text: string | undefined): number | undefined {
  return text === undefined || text.trim() === "" ? undefined : Number(text);
}
