import type { ErrorSpec } from "@cyxwiz/primitives";

export const MACHINE_ERRORS: {
  readonly IDENTITY_MISMATCH: ErrorSpec<{ machineId: string; expected: string }>;
  readonly PROOF_INVALID: ErrorSpec<{ machineId: string; message: string }>;
  readonly KEY_TAKEN: ErrorSpec<{ machineId: string }>;
  readonly ALLOCATION_INVALID: ErrorSpec<{ device: string; asked: string; available: string }>;
  readonly DEVICE_DOUBLED: ErrorSpec<{ device: string }>;
  readonly PRICE_INVALID: ErrorSpec<{ device: string; value: string }>;
  readonly NODE_NOT_FOUND: ErrorSpec<{ nodeId: string }>;
  readonly UNIT_NOT_FOUND: ErrorSpec<{ unitId: string; nodeId: string }>;
  readonly NODE_FOREIGN: ErrorSpec<{ nodeId: string }>;
  readonly KEY_MALFORMED: ErrorSpec<{ bytes: number }>;
  readonly OWNER_FOREIGN: ErrorSpec<{ userId: string }>;
} = {
  IDENTITY_MISMATCH: {
    code: "central/machine-id-mismatch",
    rpc: "invalid-argument",
    retry: "never",
    message: (c) => `machine_id is ${c.machineId}, but the public key gives ${c.expected}: send the UUIDv5 of the key`,
  },
  PROOF_INVALID: {
    code: "central/machine-proof-mismatch",
    rpc: "permission-denied",
    retry: "never",
    message: (c) =>
      `the proof is not the signature of this public key over "${c.message}": sign exactly that text with the node's key`,
  },
  KEY_TAKEN: {
    code: "central/machine-key-taken",
    rpc: "already-exists",
    retry: "never",
    message: (c) =>
      `machine ${c.machineId} belongs to another owner: a key belongs to whoever registered it first. Use another data folder`,
  },
  ALLOCATION_INVALID: {
    code: "central/allocation-exceeded",
    rpc: "out-of-range",
    retry: "never",
    message: (c) =>
      `the allocation of ${c.device} asks for ${c.asked}, but the machine has ${c.available}: lower the allocation or the reserve`,
  },
  DEVICE_DOUBLED: {
    code: "central/device-doubled",
    rpc: "invalid-argument",
    retry: "never",
    message: (c) => `compute_units names ${c.device} twice: one unit per device`,
  },
  PRICE_INVALID: {
    code: "central/price-out-of-range",
    rpc: "invalid-argument",
    retry: "never",
    message: (c) => `the price of ${c.device} is ${c.value} CYXWIZ an hour: allowed is 0 to 9223372036`,
  },
  NODE_NOT_FOUND: {
    code: "central/node-not-found",
    rpc: "not-found",
    retry: "never",
    message: (c) => `there is no node ${c.nodeId}: register it first`,
  },
  UNIT_NOT_FOUND: {
    code: "central/unit-not-found",
    rpc: "not-found",
    retry: "never",
    message: (c) => `node ${c.nodeId} has no compute unit ${c.unitId}: GET /api/users/:id/devices lists them`,
  },
  NODE_FOREIGN: {
    code: "central/node-foreign",
    rpc: "permission-denied",
    retry: "never",
    message: (c) => `node ${c.nodeId} is not yours: call with that node's own key or its owner's token`,
  },
  KEY_MALFORMED: {
    code: "central/public-key-malformed",
    rpc: "invalid-argument",
    retry: "never",
    message: (c) => `public_key has ${c.bytes} bytes: expected 32 (Ed25519), or none`,
  },
  OWNER_FOREIGN: {
    code: "central/owner-foreign",
    rpc: "permission-denied",
    retry: "never",
    message: (c) => `the devices of user ${c.userId} are shown only to that user`,
  },
};
