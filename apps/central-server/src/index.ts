export { configFrom, loadConfig } from "./config/load-config.ts";
export type { Environment } from "./config/load-config.ts";
export type { CentralServerConfig } from "./config/config.ts";
export { createCentralServer } from "./create-central-server.ts";
export type { CentralServer, CentralServerOptions } from "./create-central-server.ts";
export { CENTRAL_ERRORS } from "./errors.ts";
