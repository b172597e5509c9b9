export { run } from "./run.ts";
export type { RunOptions } from "./run.ts";
export { LocalMarket } from "./market/local-market.ts";
export { NODE_PLANS } from "./market/market-node.ts";
