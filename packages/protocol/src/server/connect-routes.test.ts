import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { Code } from "@connectrpc/connect";
import { codeFromString } from "@connectrpc/connect/protocol-connect";
import { connectNodeAdapter, createGrpcWebTransport } from "@connectrpc/connect-node";
import { bearerToken } from "../client/rpc-client.ts";
import { createRpcClients } from "../client/create-rpc-clients.ts";
import { rpcClients } from "../client/rpc-clients.ts";
import type { RpcClients } from "../client/rpc-clients.ts";
import { connectRoutes, peerValues } from "./connect-routes.ts";
import { rpcAdapterContract } from "./rpc-adapter.contract.ts";
import type { AdapterOptions, StartedAdapter } from "./rpc-adapter.contract.ts";

const CLIENTS: Readonly<Record<string, (baseUrl: string) => RpcClients>> = {
  "Connect JSON over fetch": (baseUrl) => createRpcClients({ baseUrl, format: "json", token: () => "t0ken" }),
  "Connect binary over fetch": (baseUrl) => createRpcClients({ baseUrl, token: () => "t0ken" }),
  "gRPC-Web": (baseUrl) =>
    rpcClients(createGrpcWebTransport({ baseUrl, httpVersion: "1.1", interceptors: [bearerToken(() => "t0ken")] })),
};

for (const [name, connect] of Object.entries(CLIENTS)) {
  rpcAdapterContract({
    name: `Connect routes, with ${name}`,
    hasRequestStreams: false,
    start: (options) => start(options, connect),
  });
}

async function start(options: AdapterOptions, connect: (baseUrl: string) => RpcClients): Promise<StartedAdapter> {
  const routes = connectRoutes(options.services, options);
  const server = http.createServer(connectNodeAdapter({ routes, contextValues: peerValues }));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    clients: connect(baseUrl),
    sendRaw: (method, bytes) => sendRaw(`${baseUrl}/${method}`, bytes),
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function sendRaw(url: string, bytes: Uint8Array): Promise<number> {
  const body = Buffer.from(bytes);
  const response = await fetch(url, { method: "POST", headers: { "content-type": "application/proto" }, body });
  if (response.ok) return 0;
  const { code } = (await response.json()) as { code: string };
  return codeFromString(code) ?? Code.Unknown;
}
