/** A node as the public discovery service shows it: no address, no wallet, no owner. */
import { amount, toDisplayNumber, type NodeId } from "@cyxwiz/primitives";
import { reputationToUnit } from "@cyxwiz/market";
import { DeviceType, type NodeDiscoveryService } from "@cyxwiz/protocol";
import type { ServiceHandlers } from "@cyxwiz/protocol/server";
import type { MachineWithUnits, UnitRow } from "./node-directory.ts";
import type { Presence } from "./presence.ts";
import type { StoredHardware } from "./registration-service.ts";

type Answer = Awaited<ReturnType<NonNullable<ServiceHandlers<typeof NodeDiscoveryService>["getNodeInfo"]>>>;
/** NodeInfo as a plain object. */
export type WireNode = NonNullable<Answer["info"]>;
type WireDevice = NonNullable<WireNode["devices"]>[number];

const GIBIBYTE = 1_073_741_824;

export function toWireNode({ machine, units }: MachineWithUnits, presence: Presence): WireNode {
  const hardware = machine.hardware as StoredHardware;
  const lastSeen = presence.lastSeen(machine.id as NodeId) ?? machine.last_seen_at;
  const [cheapest] = units.map((unit) => unit.price_per_hour).toSorted((a, b) => Number(a - b));
  return {
    nodeId: machine.id,
    name: machine.name,
    devices: units.map((unit) => wireDevice(unit, hardware)),
    cpuCores: hardware.cpus.reduce((sum, cpu) => sum + cpu.cores, 0),
    ramTotal: BigInt(Math.floor(hardware.ram_total_gb * GIBIBYTE)),
    region: machine.region ?? "",
    reputationScore: reputationToUnit(machine.reputation),
    totalJobsCompleted: BigInt(machine.jobs_completed),
    isOnline: presence.isOnline(machine.id as NodeId),
    lastHeartbeat: BigInt(Math.floor((lastSeen?.getTime() ?? 0) / 1000)),
    ...(cheapest !== undefined && {
      pricing: { pricePerHour: toDisplayNumber(amount(cheapest)), acceptsCyxwizToken: true },
    }),
  };
}

function wireDevice(unit: UnitRow, hardware: StoredHardware): WireDevice {
  if (unit.device_type === "cpu") {
    return {
      deviceType: DeviceType.DEVICE_CPU,
      deviceName: unit.device_name,
      memoryTotal: unit.memory_bytes,
      computeUnits: unit.cores,
    };
  }
  const vendor = hardware.gpus.find((gpu) => gpu.device_id === unit.device_id)?.vendor;
  return {
    deviceType: vendor === "nvidia" ? DeviceType.DEVICE_CUDA : DeviceType.DEVICE_OPENCL,
    deviceName: unit.device_name,
    gpuModel: unit.device_name,
    vramTotal: unit.memory_bytes,
  };
}
