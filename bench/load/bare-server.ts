/** The yardstick of the RPC benchmark: a server that answers from memory, through the same gRPC adapter as ours. */
import { NodeService, StatusCode } from "@cyxwiz/protocol";
import { createGrpcServer, implement } from "@cyxwiz/protocol/server";

const services = [
  implement(NodeService, { heartbeat: async () => ({ status: StatusCode.STATUS_SUCCESS, keepAlive: true }) }),
];
const server = await createGrpcServer({ services, address: "127.0.0.1:0" });
process.once("disconnect", () => void server.close(0));
process.send?.({ kind: "ready", grpcAddress: `127.0.0.1:${server.port}` });
