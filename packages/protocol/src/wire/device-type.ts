import { DeviceType } from "../gen/cyxwiz/protocol/common_pb.ts";

/** What a compute unit computes with, as the rest of the system names it. */
export type DeviceName = "cpu" | "cuda" | "opencl" | "metal" | "vulkan";

const TYPE_OF_NAME: Readonly<Record<DeviceName, DeviceType>> = {
  cpu: DeviceType.DEVICE_CPU,
  cuda: DeviceType.DEVICE_CUDA,
  opencl: DeviceType.DEVICE_OPENCL,
  metal: DeviceType.DEVICE_METAL,
  vulkan: DeviceType.DEVICE_VULKAN,
};

const NAME_OF_TYPE: ReadonlyMap<number, DeviceName> = new Map(
  (Object.entries(TYPE_OF_NAME) as [DeviceName, DeviceType][]).map(([name, type]) => [type, name]),
);

/** The device's wire number; DEVICE_UNKNOWN, which jobs read as "any", for undefined. */
export function toWireDevice(name: DeviceName | undefined): DeviceType {
  return name === undefined ? DeviceType.DEVICE_UNKNOWN : TYPE_OF_NAME[name];
}

/** The device's name; undefined for DEVICE_UNKNOWN and for numbers of newer clients. */
export function fromWireDevice(type: DeviceType): DeviceName | undefined {
  return NAME_OF_TYPE.get(type);
}
