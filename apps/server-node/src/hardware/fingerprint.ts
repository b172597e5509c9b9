/**
 * A hint that two nodes run on one machine: SHA-256 over facts that stay.
 *
 * Only facts that differ between machines count: the installation's id, the board's id, serials of GPUs, and network
 * addresses that a vendor assigned. Addresses with the local bit are left out, because virtual machines share them; so are
 * host name, memory and model names, which change or repeat. Facts are hashed, never sent.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import type { DetectedGpu } from "./detected-hardware.ts";

/** Linux: the installation's id and the board's (readable by root only). Absent elsewhere. */
const ID_FILES = ["/etc/machine-id", "/sys/class/dmi/id/product_uuid"];

export async function readFingerprint(gpus: readonly DetectedGpu[]): Promise<string | undefined> {
  const ids = await Promise.all(ID_FILES.map((path) => readFile(path, "utf8").catch(() => "")));
  const macs = Object.values(networkInterfaces()).flatMap((addresses) =>
    (addresses ?? []).map((address) => address.mac),
  );
  return fingerprintOf([...ids, ...macs.filter(isVendorAssigned), ...gpus.map((gpu) => gpu.uuid ?? "")]);
}

/** Order and repetition of the facts do not matter; none gives no fingerprint. Pure. */
export function fingerprintOf(facts: readonly string[]): string | undefined {
  const stable = [...new Set(facts.map((fact) => fact.trim().toLowerCase()).filter(Boolean))].toSorted();
  if (stable.length === 0) return undefined;
  return createHash("sha256")
    .update(`cyxwiz-hardware-1\n${stable.join("\n")}`)
    .digest("hex");
}

/** True for an address whose local bit (IEEE 802, second bit of the first byte) is clear and that is not all zero. */
export function isVendorAssigned(mac: string): boolean {
  const firstByte = Number.parseInt(mac.slice(0, 2), 16);
  return !/^(00[:-]?)+$/.test(mac) && Number.isInteger(firstByte) && (firstByte & 0b11) === 0;
}
