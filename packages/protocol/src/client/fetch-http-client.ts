import type { UniversalClientFn, UniversalClientRequest } from "@connectrpc/connect/protocol";

/**
 * Sends a Connect request with `fetch`. The request body is gathered first: browsers cannot send a stream over
 * HTTP/1.1, and the calls that this client carries have one request message. The response is read as it comes.
 */
export function fetchHttpClient(fetch: typeof globalThis.fetch): UniversalClientFn {
  return async (request) => {
    const body = await gather(request);
    const response = await fetch(request.url, {
      method: request.method,
      headers: request.header,
      ...(body ? { body } : {}),
      ...(request.signal ? { signal: request.signal } : {}),
      redirect: "error",
    });
    return {
      status: response.status,
      header: response.headers,
      body: response.body ? readChunks(response.body) : nothing(),
      trailer: new Headers(),
    };
  };
}

async function gather(request: UniversalClientRequest): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (!request.body) return undefined;
  const parts: Uint8Array[] = [];
  for await (const part of request.body) parts.push(part);
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

/** Not every browser iterates streams. Leaving early cancels the response, which ends the call on the server. */
async function* readChunks(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  const reader = stream.getReader();
  let isRead = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      isRead = done;
      if (done) return;
      yield value;
    }
  } finally {
    if (!isRead) await reader.cancel().catch(() => undefined);
  }
}

async function* nothing(): AsyncGenerator<Uint8Array, void, void> {}
