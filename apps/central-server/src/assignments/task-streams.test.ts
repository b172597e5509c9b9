import { describe, expect, it } from "vitest";
import type { NodeId } from "@cyxwiz/primitives";
import { STREAM_QUEUE } from "./limits.ts";
import { TaskStreams } from "./task-streams.ts";

const NODE = "5b1c7a2e-57c5-5c1d-9c1f-1f6f2d1f0a01" as NodeId;
const CANCEL = { case: "cancel", value: { reason: "test" } } as const;

describe("task streams", () => {
  it("a node that reads nothing has its stream closed instead of growing it", async () => {
    const streams = new TaskStreams();
    const stream = streams.open(NODE);
    for (let sent = 0; sent < STREAM_QUEUE; sent++) expect(streams.send(NODE, CANCEL)).toBe(true);
    expect(streams.send(NODE, CANCEL)).toBe(false);
    await expect(Array.fromAsync(stream.messages)).rejects.toMatchObject({
      code: "central/stream-stalled",
      retry: "backoff",
    });
  });

  it("closing an older stream leaves the newer one of the node", () => {
    const streams = new TaskStreams();
    const older = streams.open(NODE);
    streams.open(NODE);
    streams.closed(older);
    expect(streams.has(NODE)).toBe(true);
  });

  it("nothing is sent to a node without a stream", () => {
    expect(new TaskStreams().send(NODE, CANCEL)).toBe(false);
  });
});
