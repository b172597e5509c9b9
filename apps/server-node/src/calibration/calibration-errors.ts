import type { ErrorSpec } from "@cyxwiz/primitives";

/** Why a node does not compute a challenge; the code goes to the server with the answer. */
export const CALIBRATION_ERRORS: {
  readonly UNSUPPORTED: ErrorSpec<{ unitId: string; deviceType: string; computes: readonly string[] }>;
  readonly SIGNATURE_MISMATCH: ErrorSpec<{ challengeId: string }>;
  readonly ROUNDS_EXCEEDED: ErrorSpec<{ rounds: number; allowed: number }>;
} = {
  UNSUPPORTED: {
    code: "node/calibration-unsupported",
    rpc: "failed-precondition",
    retry: "never",
    message: (c) =>
      `the compute unit ${c.unitId} is a ${c.deviceType.toUpperCase()}, and this build computes only on: ${c.computes.join(", ")}`,
  },
  SIGNATURE_MISMATCH: {
    code: "node/calibration-signature-mismatch",
    rpc: "permission-denied",
    retry: "never",
    message: (c) => `the challenge ${c.challengeId} is not signed with the Central Server's published key`,
  },
  ROUNDS_EXCEEDED: {
    code: "node/calibration-rounds-exceeded",
    rpc: "invalid-argument",
    retry: "never",
    message: (c) => `the challenge has ${c.rounds} rounds; this node computes 1 to ${c.allowed}`,
  },
};
