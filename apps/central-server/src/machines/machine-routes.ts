/** REST of machines and nodes: registration, heartbeats, allocations, the public list, an owner's devices. */
import { AppError, parseNodeId, parseUserId, type NodeId, type UnitId, type UserId } from "@cyxwiz/primitives";
import { UNIT_STATES, type UnitState } from "@cyxwiz/market";
import {
  allocationSchema,
  amountSchema,
  heartbeatRequestSchema,
  heartbeatResponseSchema,
  publicNodeSchema,
  publicNodesSchema,
  registerNodeRequestSchema,
  registerNodeResponseSchema,
  userDevicesSchema,
  type RegisterNodeAnswer,
  type RegisterNodeBody,
} from "@cyxwiz/protocol/rest";
import { z } from "zod";
import type { TransactionContext } from "../database/transaction.ts";
import { principalOf, userOf, type AuthenticatedHooks } from "../rest/authenticated.ts";
import type { RestApp } from "../rest/rest-app.ts";
import { changeAllocations } from "./allocation-service.ts";
import type { HeartbeatService } from "./heartbeat-service.ts";
import { MACHINE_ERRORS } from "./machine-errors.ts";
import type { NodeDirectory } from "./node-directory.ts";
import { provenNodeId } from "./node-identity.ts";
import type { NodeOwners } from "./node-owners.ts";
import type { MachineRegistration, RegisteredMachine, RegistrationService } from "./registration-service.ts";
import { sharedUnits } from "./unit-allocation.ts";
import type { UserDevicesQuery } from "./user-devices.ts";

export interface MachineRouteOptions extends TransactionContext {
  readonly hooks: AuthenticatedHooks;
  readonly registration: RegistrationService;
  readonly heartbeats: HeartbeatService;
  readonly owners: NodeOwners;
  readonly directory: NodeDirectory;
  readonly devices: UserDevicesQuery;
}

const nodeParams = z.object({ id: z.string() });
const changeAllocationsSchema = z.object({
  compute_units: z
    .array(
      z.object({
        unit_id: z.string().max(64),
        allocation: allocationSchema.extend({ priority: z.enum(["low", "normal", "high"]).optional() }).default({}),
        price_per_hour: amountSchema.optional(),
      }),
    )
    .min(1)
    .max(80),
});

export function registerMachineRoutes(app: RestApp, options: MachineRouteOptions): void {
  registerNodeRoutes(app, options);
  registerDirectoryRoutes(app, options);
}

function registerNodeRoutes(app: RestApp, options: MachineRouteOptions): void {
  const { hooks, registration, heartbeats, owners } = options;
  app.post(
    "/api/nodes/register",
    {
      onRequest: hooks.requireUser,
      schema: {
        tags: ["nodes"],
        summary: "Register a machine with its compute units",
        body: registerNodeRequestSchema,
        response: { 200: registerNodeResponseSchema },
      },
    },
    async (request) =>
      presentRegistered(await registration.register(registrationOf(request.body, userOf(request).userId))),
  );
  app.post(
    "/api/nodes/:id/heartbeat",
    {
      onRequest: hooks.requireAny,
      schema: {
        tags: ["nodes"],
        summary: "A node is alive; the state of its units",
        params: nodeParams,
        body: heartbeatRequestSchema,
        response: { 200: heartbeatResponseSchema },
      },
    },
    async (request) => {
      const nodeId = parseNodeId(request.params.id);
      await owners.requireSpeakerFor(nodeId, principalOf(request));
      const units = request.body.compute_units.map((unit) => ({
        unitId: unit.unit_id as UnitId,
        status: unitState(unit.status),
        loadPercent: unit.current_load_percent,
      }));
      await heartbeats.beat(nodeId, "rest", units);
      return { success: true as const, commands: [] };
    },
  );
  app.put(
    "/api/nodes/:id/allocations",
    {
      onRequest: hooks.requireUser,
      schema: {
        tags: ["nodes"],
        summary: "Change what the units of a machine share",
        params: nodeParams,
        body: changeAllocationsSchema,
        response: { 200: z.object({ success: z.literal(true), updated_units: z.array(z.string()) }) },
      },
    },
    async (request) => {
      const target = { nodeId: parseNodeId(request.params.id), ownerId: userOf(request).userId };
      const changes = request.body.compute_units.map((unit) => ({
        unitId: unit.unit_id,
        allocation: unit.allocation,
        pricePerHour: unit.price_per_hour,
      }));
      return { success: true as const, updated_units: [...(await changeAllocations(options, target, changes))] };
    },
  );
}

function registerDirectoryRoutes(app: RestApp, { hooks, directory, devices }: MachineRouteOptions): void {
  app.get(
    "/api/nodes",
    {
      schema: {
        tags: ["nodes"],
        summary: "The newest nodes, without address and wallet",
        response: { 200: publicNodesSchema },
      },
    },
    async () => ({ nodes: (await directory.list()).map((found) => directory.present(found)) }),
  );
  app.get(
    "/api/nodes/:id",
    {
      schema: {
        tags: ["nodes"],
        summary: "One node, without address and wallet",
        params: nodeParams,
        response: { 200: publicNodeSchema },
      },
    },
    async (request) => directory.present(await directory.find(parseNodeId(request.params.id))),
  );
  app.get(
    "/api/users/:id/devices",
    {
      onRequest: hooks.requireUser,
      schema: {
        tags: ["nodes"],
        summary: "The caller's machines, units and earnings",
        params: nodeParams,
        response: { 200: userDevicesSchema },
      },
    },
    async (request) => {
      const userId = parseUserId(request.params.id);
      if (userId !== userOf(request).userId) throw new AppError(MACHINE_ERRORS.OWNER_FOREIGN, { userId });
      return devices.of(userId);
    },
  );
}

/** @throws the errors of `provenNodeId` and `sharedUnits`. */
function registrationOf(body: RegisterNodeBody, ownerId: UserId): MachineRegistration {
  const publicKey = Buffer.from(body.public_key, "hex");
  const signature = Buffer.from(body.proof, "hex");
  const nodeId: NodeId = provenNodeId({ machineId: body.machine_id, ownerId, publicKey, signature });
  return {
    nodeId,
    ownerId,
    publicKey,
    proven: true,
    name: body.name ?? body.hostname.slice(0, 80),
    hostname: body.hostname,
    os: body.os,
    ipAddress: body.ip_address,
    port: body.port ?? null,
    region: body.region ?? null,
    fingerprint: body.fingerprint ?? null,
    version: body.version ?? null,
    hardware: { ...body.hardware, source: "rest" },
    units: sharedUnits(body.hardware, body.compute_units),
  };
}

function presentRegistered({ nodeId, apiKey, units }: RegisteredMachine): RegisterNodeAnswer {
  return {
    success: true,
    machine_id: nodeId,
    node_id: nodeId,
    api_key: apiKey ?? "",
    compute_units: units.map((unit) => ({
      unit_id: unit.unitId,
      device_type: unit.deviceType,
      device_id: unit.deviceId,
      status: unit.status.toLowerCase() as RegisterNodeAnswer["compute_units"][number]["status"],
    })),
  };
}

function unitState(status: string): UnitState {
  return UNIT_STATES.find((state) => state === status.toUpperCase()) ?? "ERROR";
}
