import type { ErrorSpec } from "@cyxwiz/primitives";

export const NODE_ERRORS: {
  readonly CONFIG_UNREADABLE: ErrorSpec<{ file: string; problem: string }>;
  readonly CONFIG_INVALID: ErrorSpec<{ source: string; problems: readonly string[] }>;
  readonly ALLOCATION_INVALID: ErrorSpec<{ key: string; value: string; allowed: string; fix: string }>;
  readonly DATA_FOLDER_BUSY: ErrorSpec<{ folder: string; holder: string }>;
  readonly DATA_FOLDER_UNUSABLE: ErrorSpec<{ folder: string; problem: string }>;
  readonly IDENTITY_MALFORMED: ErrorSpec<{ file: string; problem: string }>;
  readonly ENROLMENT_MALFORMED: ErrorSpec<{ file: string; problem: string }>;
  readonly OWNER_TOKEN_MISSING: ErrorSpec<{ why: string }>;
  readonly CENTRAL_UNREACHABLE: ErrorSpec<{ where: string; problem: string }>;
  readonly CENTRAL_REFUSED: ErrorSpec<{ where: string; status: number; reason: string; problem: string }>;
  readonly CENTRAL_UNAVAILABLE: ErrorSpec<{ where: string; status: number; problem: string }>;
  readonly CENTRAL_ANSWER_MALFORMED: ErrorSpec<{ where: string; problem: string }>;
  readonly IDENTITY_MISMATCH: ErrorSpec<{ own: string; answered: string }>;
  readonly OBJECT_MISMATCH: ErrorSpec<{ cid: string; found: string; sizeBytes: number; expectedBytes: number }>;
  readonly OBJECT_TOO_LARGE: ErrorSpec<{ cid: string; sizeBytes: number; maxBytes: number }>;
  readonly CHECKPOINT_MISMATCH: ErrorSpec<{ cid: string; found: string; expected: string }>;
  readonly UNIT_UNKNOWN: ErrorSpec<{ unitId: string; known: readonly string[] }>;
  readonly UNIT_NOT_READY: ErrorSpec<{ unitId: string; state: string; reason: string }>;
  readonly UNIT_FULL: ErrorSpec<{ unitId: string; what: string; need: number; free: number }>;
  readonly JOBS_EXCEEDED: ErrorSpec<{ running: number; allowed: number }>;
  readonly LOWERING_UNSUPPORTED: ErrorSpec<{ lowering: string; supported: readonly string[] }>;
  readonly BUILD_MISMATCH: ErrorSpec<{ own: string; asked: string }>;
  readonly NODE_DRAINING: ErrorSpec<Record<never, never>>;
  readonly ASSIGNMENT_MALFORMED: ErrorSpec<{ field: string; value: string; allowed: string }>;
  readonly TRAINER_SILENT: ErrorSpec<{ step: number }>;
  readonly STEPS_MISMATCH: ErrorSpec<{ found: number; expected: number }>;
  readonly REPORTS_EXCEEDED: ErrorSpec<{ waiting: number }>;
} = {
  CONFIG_UNREADABLE: {
    code: "node/config-unreadable",
    rpc: "invalid-argument",
    retry: "never",
    message: (c) => `the configuration ${c.file} cannot be read: ${c.problem}`,
  },
  CONFIG_INVALID: {
    code: "node/config-invalid",
    rpc: "invalid-argument",
    retry: "never",
    message: (c) =>
      `the configuration (${c.source}) is not valid:\n${c.problems.map((line) => `  - ${line}`).join("\n")}`,
  },
  ALLOCATION_INVALID: {
    code: "node/allocation-invalid",
    rpc: "invalid-argument",
    retry: "never",
    message: (c) => `${c.key} is ${c.value}: this machine allows ${c.allowed}. ${c.fix}`,
  },
  DATA_FOLDER_BUSY: {
    code: "node/data-folder-busy",
    rpc: "failed-precondition",
    retry: "never",
    message: (c) =>
      `another Server Node runs on the data folder ${c.folder}${c.holder}: stop it, or give this one its own [node] data_dir`,
  },
  DATA_FOLDER_UNUSABLE: {
    code: "node/data-folder-unusable",
    rpc: "failed-precondition",
    retry: "never",
    message: (c) =>
      `the data folder ${c.folder} cannot be used: ${c.problem}. Check that it exists on a disk you may write to`,
  },
  IDENTITY_MALFORMED: {
    code: "node/identity-malformed",
    rpc: "failed-precondition",
    retry: "never",
    message: (c) =>
      `${c.file} is damaged: ${c.problem}. Restore it from a backup; without it this is a new node, so it is never overwritten`,
  },
  ENROLMENT_MALFORMED: {
    code: "node/enrolment-malformed",
    rpc: "failed-precondition",
    retry: "never",
    message: (c) =>
      `${c.file} is damaged: ${c.problem}. Remove it and start once with the owner's token, which makes a new one`,
  },
  OWNER_TOKEN_MISSING: {
    code: "node/owner-token-missing",
    rpc: "unauthenticated",
    retry: "never",
    message: (c) =>
      `${c.why}: set the owner's token once, in [account] token_file or CYXWIZ_TOKEN. Later starts need only the node's own key`,
  },
  CENTRAL_UNREACHABLE: {
    code: "node/central-unreachable",
    rpc: "unavailable",
    retry: "backoff",
    message: (c) => `the Central Server does not answer at ${c.where}: ${c.problem}`,
  },
  CENTRAL_REFUSED: {
    code: "node/central-refused",
    rpc: "failed-precondition",
    retry: "never",
    message: (c) => `the Central Server refused ${c.where} (${c.status}, ${c.reason}): ${c.problem}`,
  },
  CENTRAL_UNAVAILABLE: {
    code: "node/central-unavailable",
    rpc: "unavailable",
    retry: "backoff",
    message: (c) => `the Central Server could not serve ${c.where} (${c.status}): ${c.problem}`,
  },
  CENTRAL_ANSWER_MALFORMED: {
    code: "node/central-answer-malformed",
    rpc: "internal",
    retry: "backoff",
    message: (c) =>
      `the answer to ${c.where} is not what this node understands: ${c.problem}. Compare the versions of node and server`,
  },
  IDENTITY_MISMATCH: {
    code: "node/identity-mismatch",
    rpc: "internal",
    retry: "never",
    message: (c) =>
      `the Central Server knows this node as ${c.answered}, but its key makes it ${c.own}: the server runs another version`,
  },
  OBJECT_MISMATCH: {
    code: "node/object-mismatch",
    rpc: "internal",
    retry: "never",
    message: (c) =>
      `the object ${c.cid} was to have ${c.expectedBytes} bytes; what came has ${c.sizeBytes} bytes and the id ${c.found}. Nothing of it was used`,
  },
  OBJECT_TOO_LARGE: {
    code: "node/object-too-large",
    rpc: "resource-exhausted",
    retry: "never",
    message: (c) => `the object ${c.cid} has ${c.sizeBytes} bytes; this node takes at most ${c.maxBytes}`,
  },
  CHECKPOINT_MISMATCH: {
    code: "node/checkpoint-mismatch",
    rpc: "internal",
    retry: "never",
    message: (c) => `the checkpoint ${c.cid} has the SHA-256 ${c.found}, the assignment names ${c.expected}`,
  },
  UNIT_UNKNOWN: {
    code: "node/unit-unknown",
    rpc: "not-found",
    retry: "never",
    message: (c) => `this node has no compute unit ${c.unitId}: it shares ${c.known.join(", ") || "none"}`,
  },
  UNIT_NOT_READY: {
    code: "node/unit-not-ready",
    rpc: "failed-precondition",
    retry: "backoff",
    message: (c) => `the compute unit ${c.unitId} takes no work: it is ${c.state}${c.reason && ` (${c.reason})`}`,
  },
  UNIT_FULL: {
    code: "node/unit-full",
    rpc: "resource-exhausted",
    retry: "backoff",
    message: (c) => `the compute unit ${c.unitId} has ${c.free} ${c.what} free, and the assignment needs ${c.need}`,
  },
  JOBS_EXCEEDED: {
    code: "node/jobs-exceeded",
    rpc: "resource-exhausted",
    retry: "backoff",
    message: (c) => `this node runs ${c.running} assignments, and its owner allows ${c.allowed}`,
  },
  LOWERING_UNSUPPORTED: {
    code: "node/lowering-unsupported",
    rpc: "failed-precondition",
    retry: "never",
    message: (c) => `this build cannot compile with the lowering ${c.lowering}: it has ${c.supported.join(", ")}`,
  },
  BUILD_MISMATCH: {
    code: "node/build-mismatch",
    rpc: "failed-precondition",
    retry: "never",
    message: (c) =>
      `the work is pinned to the build ${c.asked}, and this node trains with ${c.own}: the same seed would give other bits`,
  },
  NODE_DRAINING: {
    code: "node/draining",
    rpc: "unavailable",
    retry: "never",
    message: () => "this node is being stopped and takes no new work",
  },
  ASSIGNMENT_MALFORMED: {
    code: "node/assignment-malformed",
    rpc: "invalid-argument",
    retry: "never",
    message: (c) => `the assignment's ${c.field} is ${c.value}: allowed is ${c.allowed}`,
  },
  TRAINER_SILENT: {
    code: "node/trainer-silent",
    rpc: "internal",
    retry: "never",
    message: (c) => `the trainer ended at step ${c.step} without a result or a reason`,
  },
  STEPS_MISMATCH: {
    code: "node/steps-mismatch",
    rpc: "failed-precondition",
    retry: "never",
    message: (c) => `graph, dataset and settings give ${c.found} steps; the assignment was paid for ${c.expected}`,
  },
  REPORTS_EXCEEDED: {
    code: "node/reports-exceeded",
    rpc: "resource-exhausted",
    retry: "never",
    message: (c) =>
      `${c.waiting} reports wait for the Central Server, which has been away too long: the work is stopped`,
  },
};
