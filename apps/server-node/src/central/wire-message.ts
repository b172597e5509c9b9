/** The server's messages → the node's own words. Pure. */
import { errorMessage, parseAssignmentId } from "@cyxwiz/primitives";
import type { ApplyChange, CalibrationTask as WireCalibration, ServerTaskMessage } from "@cyxwiz/protocol";
import type { CalibrationTask, ServerMessage } from "./messages.ts";
import { readAssignment } from "./wire-assignment.ts";
import { readChange } from "./wire-change.ts";
import { malformed } from "./wire-fields.ts";

/** Undefined for a message that a newer server may send and this node does not know. */
export function readServerMessage({ message }: ServerTaskMessage): ServerMessage | undefined {
  switch (message.case) {
    case "welcome":
      return { kind: "welcome", leaseSeconds: message.value.leaseSeconds };
    case "assignment":
      return readAssignment(message.value);
    case "cancel": {
      const { fencingToken, reason, keepModel } = message.value;
      const assignmentId = parseAssignmentId(message.value.assignmentId);
      return { kind: "cancel", assignmentId, fencingToken, reason, keepModel };
    }
    case "change":
      return readApplyChange(message.value);
    case "answer": {
      const { sequence, accepted, code, message: text } = message.value;
      return { kind: "answer", sequence, accepted, code, message: text };
    }
    case "drain":
      return { kind: "drain", reason: message.value.reason, reconnectAfterMs: message.value.reconnectAfterMs };
    case "calibration":
      return { kind: "calibration", task: readCalibration(message.value) };
    case undefined:
      return undefined;
  }
}

/** A change has no answer of its own until it took effect, so one that cannot be read is only logged. */
function readApplyChange({ assignmentId, fencingToken, change }: ApplyChange): ServerMessage {
  try {
    if (!change) throw malformed("change", "absent", "a change");
    const lease = { assignmentId: parseAssignmentId(assignmentId), fencingToken };
    return { kind: "change", ...lease, change: readChange("change", change) };
  } catch (error) {
    return { kind: "ignored", what: "a change", problem: errorMessage(error) };
  }
}

function readCalibration({ rounds, ...task }: WireCalibration): CalibrationTask {
  const { challengeId, unitId, seed, secondsAtMost, signature } = task;
  const plain = rounds.map(({ size, products }) => ({ size, products }));
  return { challengeId, unitId, seed, secondsAtMost, signature, rounds: plain };
}
