export { run } from "./run.ts";
export type { RunOptions } from "./run.ts";
export { LocalMarket, NODE_PLANS } from "./market/local-market.ts";
