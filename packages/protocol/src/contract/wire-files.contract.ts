/** All files of the wire contract, for the tests that go through every message. */
import type { DescFile } from "@bufbuild/protobuf";
import { file_cyxwiz_daemon_daemon } from "../gen/cyxwiz/daemon/daemon_pb.ts";
import { file_cyxwiz_protocol_app_error } from "../gen/cyxwiz/protocol/app_error_pb.ts";
import { file_cyxwiz_protocol_common } from "../gen/cyxwiz/protocol/common_pb.ts";
import { file_cyxwiz_protocol_compute } from "../gen/cyxwiz/protocol/compute_pb.ts";
import { file_cyxwiz_protocol_deployment } from "../gen/cyxwiz/protocol/deployment_pb.ts";
import { file_cyxwiz_protocol_execution } from "../gen/cyxwiz/protocol/execution_pb.ts";
import { file_cyxwiz_protocol_inference } from "../gen/cyxwiz/protocol/inference_pb.ts";
import { file_cyxwiz_protocol_job } from "../gen/cyxwiz/protocol/job_pb.ts";
import { file_cyxwiz_protocol_market } from "../gen/cyxwiz/protocol/market_pb.ts";
import { file_cyxwiz_protocol_node } from "../gen/cyxwiz/protocol/node_pb.ts";
import { file_cyxwiz_protocol_reservation } from "../gen/cyxwiz/protocol/reservation_pb.ts";
import { file_cyxwiz_protocol_wallet } from "../gen/cyxwiz/protocol/wallet_pb.ts";

export const WIRE_FILES: readonly DescFile[] = [
  file_cyxwiz_daemon_daemon,
  file_cyxwiz_protocol_app_error,
  file_cyxwiz_protocol_common,
  file_cyxwiz_protocol_compute,
  file_cyxwiz_protocol_deployment,
  file_cyxwiz_protocol_execution,
  file_cyxwiz_protocol_inference,
  file_cyxwiz_protocol_job,
  file_cyxwiz_protocol_market,
  file_cyxwiz_protocol_node,
  file_cyxwiz_protocol_reservation,
  file_cyxwiz_protocol_wallet,
];

/** Files that deployed clients do not know. */
export const OUR_FILES: ReadonlySet<string> = new Set(["cyxwiz/protocol/app_error", "cyxwiz/protocol/market"]);
