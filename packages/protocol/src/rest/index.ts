export * from "./auth-schemas.ts";
export * from "./job-schemas.ts";
export * from "./market-schemas.ts";
export * from "./receipt-schemas.ts";
export * from "./rest-client.ts";
export * from "./node-schemas.ts";
export * from "./shared-schemas.ts";
export * from "./wallet-schemas.ts";
