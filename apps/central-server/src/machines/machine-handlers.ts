/**
 * NodeService.RegisterNode and Heartbeat, and the public NodeDiscoveryService, over the same services as REST.
 *
 * An older node sends its owner's token and no proof of its key; its key still belongs to whoever came first. It gets a
 * node token in fields that old builds skip.
 */
import { AppError, parseNodeId, type NodeId, type UnitId, type UserId } from "@cyxwiz/primitives";
import type { Clock } from "@cyxwiz/platform";
import { nodeIdOfPublicKey } from "@cyxwiz/platform";
import { UNIT_STATES, type UnitState } from "@cyxwiz/market";
import {
  StatusCode,
  type HeartbeatRequest,
  type NodeDiscoveryService,
  type NodeService,
  type RegisterNodeRequest,
  type RunningAssignment,
  type UnitStatus,
} from "@cyxwiz/protocol";
import type { RpcContext, ServiceHandlers } from "@cyxwiz/protocol/server";
import type { Principal, TokenIssuer } from "../accounts/principal.ts";
import type { HeartbeatService, UnitBeat } from "./heartbeat-service.ts";
import { refusingInBand } from "./in-band-refusal.ts";
import { MACHINE_ERRORS } from "./machine-errors.ts";
import type { NodeDirectory } from "./node-directory.ts";
import { toWireNode } from "./node-info.ts";
import { NodeListing } from "./node-listing.ts";
import { keylessIdentity } from "./node-identity.ts";
import type { NodeOwners } from "./node-owners.ts";
import type { Presence } from "./presence.ts";
import type { MachineRegistration, RegistrationService, StoredHardware } from "./registration-service.ts";
import { sharedUnits } from "./unit-allocation.ts";
import { hardwareFromWire } from "./wire-hardware.ts";

export interface MachineHandlerOptions {
  readonly clock: Clock;
  readonly presence: Presence;
  readonly directory: NodeDirectory;
  readonly registration: RegistrationService;
  readonly heartbeats: HeartbeatService;
  readonly owners: NodeOwners;
  readonly tokens: TokenIssuer;
  readonly principalOf: (context: RpcContext) => Principal;
  /** Jobs that a node says it works on and should not. */
  readonly jobsToCancel: (nodeId: NodeId, claimed: readonly string[]) => Promise<readonly string[]>;
  /** The node still works on these attempts: their leases go on. */
  readonly stillRunning: (nodeId: NodeId, running: readonly RunningAssignment[]) => Promise<void>;
}

type MachineHandlers = Required<Pick<ServiceHandlers<typeof NodeService>, "registerNode" | "heartbeat">>;

/** Units in one heartbeat: what one machine may register. */
const MAX_UNITS_PER_BEAT = 80;
/** A node token is renewed when less than this is left of it, so that it outlives a few lost beats. */
const RENEW_BEFORE_MS = 150_000;

export function createMachineHandlers(options: MachineHandlerOptions): MachineHandlers {
  const renewals = new TokenRenewals(options.tokens, options.clock);
  return {
    registerNode: (request, context) =>
      refusingInBand(async () => {
        const principal = options.principalOf(context);
        const ownerId = principal.kind === "user" ? principal.userId : principal.ownerId;
        const { nodeId } = await options.registration.register(registrationOf(request, ownerId));
        const issued = await renewals.issue(nodeId, ownerId);
        return { status: StatusCode.STATUS_SUCCESS, nodeId, sessionToken: issued.nodeToken, ...issued };
      }),
    heartbeat: (request, context) =>
      refusingInBand(async () => {
        const nodeId = parseNodeId(request.nodeId);
        const ownerId = await options.owners.requireSpeakerFor(nodeId, options.principalOf(context));
        await options.heartbeats.beat(nodeId, "grpc", unitBeats(request));
        await options.stillRunning(nodeId, request.running.slice(0, MAX_UNITS_PER_BEAT));
        const jobsToCancel = await options.jobsToCancel(nodeId, request.activeJobs);
        const renewed = renewals.isDue(nodeId) ? await renewals.issue(nodeId, ownerId) : {};
        return { status: StatusCode.STATUS_SUCCESS, keepAlive: true, jobsToCancel: [...jobsToCancel], ...renewed };
      }),
  };
}

export function createDiscoveryHandlers(
  directory: NodeDirectory,
  presence: Presence,
): ServiceHandlers<typeof NodeDiscoveryService> {
  const listing = new NodeListing(() => directory.list(), presence);
  return {
    listNodes: (request) => listing.page(request),
    getNodeInfo: async (request) => ({ info: toWireNode(await directory.find(parseNodeId(request.nodeId)), presence) }),
  };
}

function registrationOf(request: RegisterNodeRequest, ownerId: UserId): MachineRegistration {
  const info = request.info;
  const { hardware, requests } = info ? hardwareFromWire(info) : { hardware: NO_HARDWARE, requests: [] };
  const address = `${info?.ipAddress ?? ""}:${info?.port ?? 0}`;
  const name = (info?.name || "node").slice(0, 80);
  return {
    ...identityOf(request, ownerId, address),
    ownerId,
    proven: false,
    name,
    hostname: name,
    os: "",
    ipAddress: (info?.ipAddress ?? "").slice(0, 45),
    port: info && info.port > 0 && info.port < 65_536 ? info.port : null,
    region: info?.region ? info.region.slice(0, 64) : null,
    fingerprint: null,
    version: info?.version ? `${info.version.major}.${info.version.minor}.${info.version.patch}` : null,
    hardware,
    units: sharedUnits(hardware, requests),
  };
}

const NO_HARDWARE: StoredHardware = { source: "grpc", cpus: [], gpus: [], ram_total_gb: 0, storage_total_gb: 0 };

function identityOf(
  request: RegisterNodeRequest,
  ownerId: UserId,
  address: string,
): Pick<MachineRegistration, "nodeId" | "publicKey"> {
  const { publicKey } = request;
  if (publicKey.length === 0) {
    const keyless = keylessIdentity(ownerId, request.info?.walletAddress ?? "", address);
    return { nodeId: keyless.nodeId, publicKey: keyless.placeholderKey };
  }
  if (publicKey.length !== 32) throw new AppError(MACHINE_ERRORS.KEY_MALFORMED, { bytes: publicKey.length });
  return { nodeId: nodeIdOfPublicKey(publicKey), publicKey };
}

function unitBeats(request: HeartbeatRequest): readonly UnitBeat[] {
  return request.units.slice(0, MAX_UNITS_PER_BEAT).flatMap((unit) => {
    const status = unitState(unit);
    if (status === undefined) return [];
    return {
      unitId: unit.unitId as UnitId,
      status,
      loadPercent: Math.min(100, Math.max(0, unit.currentLoadPercent)),
    };
  });
}

function unitState(unit: UnitStatus): UnitState | undefined {
  return UNIT_STATES.find((state) => state === unit.status.toUpperCase());
}

/** Which nodes hold a token that runs out soon. Forgotten on a restart, which renews everybody's once. */
class TokenRenewals {
  readonly #tokens: TokenIssuer;
  readonly #clock: Clock;
  readonly #expiry = new Map<NodeId, number>();

  constructor(tokens: TokenIssuer, clock: Clock) {
    this.#tokens = tokens;
    this.#clock = clock;
  }

  isDue(nodeId: NodeId): boolean {
    return (this.#expiry.get(nodeId) ?? 0) - this.#clock.now() < RENEW_BEFORE_MS;
  }

  async issue(nodeId: NodeId, ownerId: UserId): Promise<{ nodeToken: string; nodeTokenExpiresAt: bigint }> {
    const { token, expiresAt } = await this.#tokens.issueNodeToken({ nodeId, ownerId });
    this.#expiry.set(nodeId, expiresAt.getTime());
    return { nodeToken: token, nodeTokenExpiresAt: BigInt(Math.floor(expiresAt.getTime() / 1000)) };
  }
}
