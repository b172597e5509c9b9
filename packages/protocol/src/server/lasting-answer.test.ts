import { fromBinary, type DescMessage, type Message } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ListNodesResponseSchema } from "../gen/cyxwiz/protocol/node_pb.ts";
import {
  CancelJobResponseSchema,
  GetJobStatusResponseSchema,
  SubmitJobResponseSchema,
} from "../gen/cyxwiz/protocol/job_pb.ts";
import { encodeResponse } from "./grpc-call.ts";
import { lastingAnswer } from "./lasting-answer.ts";

/** As the adapter does it, which knows of handlers' plain objects only that they were checked. */
const encode = (schema: DescMessage, answer: object): Uint8Array => encodeResponse(schema, answer as Message);

describe("a lasting answer", () => {
  it("is encoded once, and its bytes say what it says", () => {
    const answer = lastingAnswer({ nodes: [{ nodeId: "a" }], totalCount: 1 });
    const bytes = encode(ListNodesResponseSchema, answer);
    expect(encode(ListNodesResponseSchema, answer)).toBe(bytes);
    expect(fromBinary(ListNodesResponseSchema, bytes)).toMatchObject({ nodes: [{ nodeId: "a" }], totalCount: 1 });
  });

  it("is never mixed with another of equal content or of another message type", () => {
    const [one, two] = [lastingAnswer({ status: 1 }), lastingAnswer({ status: 1 })];
    const submitted = encode(SubmitJobResponseSchema, one);
    expect(encode(SubmitJobResponseSchema, two)).not.toBe(submitted);
    expect(fromBinary(CancelJobResponseSchema, encode(CancelJobResponseSchema, one)).status).toBe(1);
    expect(fromBinary(SubmitJobResponseSchema, encode(SubmitJobResponseSchema, one)).status).toBe(1);
  });

  it("cannot change any more, in no part", () => {
    const device = { deviceName: "CPU" };
    const answer = lastingAnswer({ nodes: [{ nodeId: "a", devices: [device] }] });
    expect(() => (device.deviceName = "GPU")).toThrow(TypeError);
    expect(() => answer.nodes.pop()).toThrow(TypeError);
  });

  it("with bytes in it is sent, encoded each time", () => {
    const answer = lastingAnswer({ status: { jobId: "a" }, bytes: new Uint8Array([1]) });
    const first = encode(GetJobStatusResponseSchema, answer);
    const second = encode(GetJobStatusResponseSchema, answer);
    expect(second).not.toBe(first);
    expect(second).toEqual(first);
  });
});

describe("an answer that may change", () => {
  it("is encoded as it is at each call", () => {
    const answer = { totalCount: 1 };
    encode(ListNodesResponseSchema, answer);
    answer.totalCount = 2;
    expect(fromBinary(ListNodesResponseSchema, encode(ListNodesResponseSchema, answer)).totalCount).toBe(2);
  });

  it("in an inner part is encoded as it is at each call, though its outside is frozen", () => {
    const node = { nodeId: "a" };
    const answer = Object.freeze({ nodes: Object.freeze([node]) });
    encode(ListNodesResponseSchema, answer);
    node.nodeId = "b";
    const { nodes } = fromBinary(ListNodesResponseSchema, encode(ListNodesResponseSchema, answer));
    expect(nodes).toMatchObject([{ nodeId: "b" }]);
  });
});
