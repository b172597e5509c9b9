/** A REST server on loopback that answers what a test tells it to, and remembers what it was asked. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { Job } from "@cyxwiz/protocol/rest";

/** JSON with a status, raw bytes, or a function that does what it likes with the socket. */
export type Answer =
  | { readonly status?: number; readonly json: unknown }
  | { readonly bytes: Uint8Array }
  | ((response: ServerResponse) => void);

interface AskedRequest {
  readonly route: string;
  readonly url: string;
  readonly authorization: string | undefined;
  readonly body: string;
}

export interface TestMarket extends AsyncDisposable {
  readonly url: string;
  readonly requests: AskedRequest[];
}

/** `answers` are keyed like "GET /api/wallet"; a list is given out one by one, its last entry for ever. */
export async function startTestMarket(answers: Record<string, Answer | Answer[]>): Promise<TestMarket> {
  const requests: AskedRequest[] = [];
  const waiting = new Map(Object.entries(answers).map(([route, given]) => [route, [given].flat()]));
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = request.url ?? "";
    const route = `${request.method} ${url.split("?")[0]}`;
    requests.push({ route, url, authorization: request.headers.authorization, body: await text(request) });
    const queue = waiting.get(route) ?? [{ status: 404, json: refusal("NOT_FOUND", `no ${route} here`) }];
    give(response, (queue.length > 1 ? queue.shift() : queue[0]) as Answer);
  };
  const server = createServer((request, response) => void handle(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function give(response: ServerResponse, answer: Answer): void {
  if (typeof answer === "function") return answer(response);
  if ("bytes" in answer) {
    response.end(answer.bytes);
    return;
  }
  response.writeHead(answer.status ?? 200, { "content-type": "application/json" });
  response.end(JSON.stringify(answer.json));
}

/** As if the server had just gone away. */
export const HANG_UP: Answer = (response) => void response.socket?.destroy();

export function refusal(code: string, error: string, details: Record<string, unknown> = {}): unknown {
  return { error, code, details: { reason: "test/refused", ...details } };
}

export const JOB_ID = "4a1c6a0e-35b2-4b6f-9b53-6d6d0f3f9a01";
export const NODE_ID = "0b6b1c9e-1111-5222-8333-9c4d5e6f7a80";
export const VERIFIER_ID = "7c2d0f1e-2222-5333-8444-1a2b3c4d5e6f";

/** A job in the middle of its training; a test says what differs. */
export function sampleJob(different: Partial<Job> = {}): Job {
  return {
    job_id: JOB_ID,
    name: "Digits CNN",
    state: "RUNNING",
    created_at: "2026-01-01T10:00:00Z",
    started_at: "2026-01-01T10:00:05Z",
    ended_at: null,
    progress: 0.5,
    step: 500,
    total_steps: 1000,
    epoch: 2,
    total_epochs: 4,
    loss: 0.25,
    accuracy: 0.9,
    samples_per_second: 12_345,
    seconds_left: 42,
    metrics: {},
    node: { node_id: NODE_ID, name: "node-alpha", unit_id: "unit_cpu0_abc123", device: "CPU" },
    payment: {
      escrow_state: "LOCKED",
      quoted: "2.5",
      owner: "0",
      platform: "0",
      refunded: "0",
      shares: [],
    },
    verification: { verdict: "pending", interval: null, reruns: [], paid: "0" },
    seed: "7",
    failure: null,
    waiting_because: null,
    files: { onnx: null, weights: null },
    placement: null,
    checkpoints: [],
    changes: [],
    has_receipt: false,
    events: [{ at: "2026-01-01T10:00:00Z", kind: "created", message: "created" }],
    ...different,
  };
}

/** Steps 601 to 620, run again with the same bits. */
export const VERIFIED: Job["verification"] = {
  verdict: "verified",
  interval: { from: 600, to: 620 },
  reruns: [
    {
      node_id: VERIFIER_ID,
      node_name: "platform-verifier",
      is_platform: true,
      outcome: "agrees",
      distance: null,
      paid: "0.004",
    },
  ],
  paid: "0.004",
};

/** The same job checked and paid: 1.8 to the owner, 0.2 to the platform, 0.5 back. */
export function settledJob(different: Partial<Job> = {}): Job {
  return sampleJob({
    state: "COMPLETED",
    ended_at: "2026-01-01T10:01:05Z",
    progress: 1,
    step: 1000,
    metrics: { test_accuracy: 0.975, test_loss: 0.0812 },
    payment: {
      escrow_state: "SETTLED",
      quoted: "2.5",
      owner: "1.8",
      platform: "0.2",
      refunded: "0.5",
      shares: [{ node_id: NODE_ID, unit_id: "unit_cpu0_abc123", amount: "1.8" }],
    },
    verification: VERIFIED,
    ...different,
  });
}
