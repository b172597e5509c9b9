import { measureSpeed, startTrainer } from "@cyxwiz/backend";
import { BENCHMARK_MS } from "../limits.ts";
import type { TrainingDriver } from "./trainer.ts";
