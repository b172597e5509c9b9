import type { DescService } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import { InferenceService } from "../gen/cyxwiz/protocol/inference_pb.ts";
import { DeploymentService, ModelService, TerminalService } from "../gen/cyxwiz/protocol/deployment_pb.ts";
import { JobExecutionService } from "../gen/cyxwiz/protocol/execution_pb.ts";
import { JobService } from "../gen/cyxwiz/protocol/job_pb.ts";
import { JobStatusService, NodeDiscoveryService, NodeService } from "../gen/cyxwiz/protocol/node_pb.ts";
import { JobReservationService, P2PTrainingService } from "../gen/cyxwiz/protocol/reservation_pb.ts";
import { WalletService } from "../gen/cyxwiz/protocol/wallet_pb.ts";
import { createRpcClient } from "./rpc-client.ts";
import type { RpcClient } from "./rpc-client-shape.ts";

/** What both kinds of connection take. */
export interface RpcClientOptions {
  /** Asked at every call; undefined sends none. */
  readonly token?: () => string | undefined;
  /** Deadline of unary calls; 5 s when left out. */
  readonly deadlineMs?: number;
  /** Largest response message, in bytes. */
  readonly messageBytes?: number;
}

/** Clients of the services of a Central Server or a Server Node, over one connection. */
export interface RpcClients {
  readonly deployments: RpcClient<typeof DeploymentService>;
  readonly discovery: RpcClient<typeof NodeDiscoveryService>;
  readonly execution: RpcClient<typeof JobExecutionService>;
  readonly inference: RpcClient<typeof InferenceService>;
  readonly jobStatus: RpcClient<typeof JobStatusService>;
  readonly jobs: RpcClient<typeof JobService>;
  readonly models: RpcClient<typeof ModelService>;
  readonly nodes: RpcClient<typeof NodeService>;
  readonly p2pTraining: RpcClient<typeof P2PTrainingService>;
  readonly reservations: RpcClient<typeof JobReservationService>;
  readonly terminals: RpcClient<typeof TerminalService>;
  readonly wallet: RpcClient<typeof WalletService>;
  /** A client of any other service on the same connection. */
  service<S extends DescService>(service: S): RpcClient<S>;
}

/** All clients over one transport. */
export function rpcClients(transport: Transport, deadlineMs?: number): RpcClients {
  const client = <S extends DescService>(service: S): RpcClient<S> => createRpcClient(service, transport, deadlineMs);
  return {
    deployments: client(DeploymentService),
    discovery: client(NodeDiscoveryService),
    execution: client(JobExecutionService),
    inference: client(InferenceService),
    jobStatus: client(JobStatusService),
    jobs: client(JobService),
    models: client(ModelService),
    nodes: client(NodeService),
    p2pTraining: client(P2PTrainingService),
    reservations: client(JobReservationService),
    terminals: client(TerminalService),
    wallet: client(WalletService),
    service: client,
  };
}
