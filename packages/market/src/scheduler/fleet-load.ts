/**
 * What is in use: live assignments per node, and occupied capacity per physical device.
 *
 * Several nodes may be installed on one computer and each share a part of the same device, so capacity is counted by
 * the device and not by the unit. Where they disagree on its size, the smallest claim counts.
 */
import type { NodeId } from "@cyxwiz/primitives";
import type { DeviceKey, UnitSnapshot } from "./snapshot.ts";

interface DeviceLoad {
  capacity: number;
  occupied: number;
  assignments: number;
}

export class FleetLoad {
  readonly #nodes = new Map<NodeId, number>();
  readonly #devices = new Map<DeviceKey, DeviceLoad>();

  constructor(snapshot: readonly UnitSnapshot[]) {
    for (const unit of snapshot) {
      const device = this.#devices.get(unit.deviceKey);
      if (device === undefined) {
        this.#devices.set(unit.deviceKey, { capacity: unit.deviceCapacity, occupied: 0, assignments: 0 });
      } else {
        device.capacity = Math.min(device.capacity, unit.deviceCapacity);
      }
      if (unit.activeJobs > 0) this.occupy(unit, unit.activeJobs);
    }
  }

  /** Live assignments on a node. */
  ofNode(nodeId: NodeId): number {
    return this.#nodes.get(nodeId) ?? 0;
  }

  /** Whether the unit's share of its device is free: a GPU takes one assignment at a time, a CPU its cores. */
  isDeviceFree(unit: UnitSnapshot): boolean {
    const device = this.#devices.get(unit.deviceKey);
    if (device === undefined) return false;
    if (unit.deviceType === "gpu" && device.assignments > 0) return false;
    return device.occupied + unit.allocatedCapacity <= device.capacity;
  }

  /** Counts assignments on a unit of the snapshot. */
  occupy(unit: UnitSnapshot, assignments: number): void {
    this.#nodes.set(unit.nodeId, this.ofNode(unit.nodeId) + assignments);
    const device = this.#devices.get(unit.deviceKey);
    if (device === undefined) return;
    device.occupied += unit.allocatedCapacity * assignments;
    device.assignments += assignments;
  }
}
