/** Handing assignments to the nodes that hold a task stream. */
import type { AssignmentId, NodeId } from "@cyxwiz/primitives";
import type { Logger } from "@cyxwiz/platform";
import type { Database } from "../database/open-database.ts";
import { taskMessage } from "./task-message.ts";
import type { TaskStreams } from "./task-streams.ts";

/**
 * Sends an assignment on its node's stream. A node that went away in between finds it when it opens its next stream, or
 * loses it with its lease.
 */
export async function handOut(
  parts: { readonly db: Database; readonly streams: TaskStreams; readonly logger: Logger },
  assignmentId: AssignmentId,
  nodeId: NodeId,
): Promise<void> {
  const isSent = parts.streams.send(nodeId, await taskMessage(parts.db, assignmentId));
  if (!isSent) parts.logger.warn("a node went away before its assignment was handed out", { nodeId, assignmentId });
}
