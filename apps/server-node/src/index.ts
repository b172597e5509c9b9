export { loadConfig } from "./config/load-config.ts";
export { parseNodeConfig } from "./config/node-config.ts";
export type { ConfigSource, NodeConfig, Priority } from "./config/node-config.ts";
export { createServerNode } from "./create-server-node.ts";
export type { ServerNode, ServerNodeOptions } from "./create-server-node.ts";
export { NODE_ERRORS } from "./errors.ts";
export type { NodeStatus, UnitReport } from "./status/node-status.ts";
