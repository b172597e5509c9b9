/**
 * Getting known to the Central Server: once with the owner's token, then with the node's own key alone.
 *
 * The request is compared by hash with the one that the stored key came from. The same offer needs no new registration; a
 * changed one is registered again where the owner's token is there, else the units stay as the server knows them.
 */
import { createHash } from "node:crypto";
import { AppError, formatAmount } from "@cyxwiz/primitives";
import type { Logger } from "@cyxwiz/platform";
import type { RegisterNodeBody } from "@cyxwiz/protocol/rest";
import type { NodeConfig } from "../config/node-config.ts";
import type { UnitOffer } from "../devices/unit-offer.ts";
import { NODE_ERRORS } from "../errors.ts";
import type { DetectedHardware } from "../hardware/detected-hardware.ts";
import { type Enrolment, readEnrolment, writeEnrolment } from "../identity/enrolment.ts";
import type { NodeKey } from "../identity/node-key.ts";
import type { CentralRest } from "./central-rest.ts";

const GIB = 1024 ** 3;
const MIB = 1024 ** 2;

export interface EnrolmentRequest {
  readonly config: NodeConfig;
  readonly key: NodeKey;
  readonly hardware: DetectedHardware;
  readonly offers: readonly UnitOffer[];
  readonly version: string;
  readonly ownerToken: string | undefined;
  readonly rest: CentralRest;
  readonly logger: Logger;
}

/**
 * The stored enrolment while it fits, else a new one. `renew` asks for a new one in any case: the server refused the key.
 * @throws AppError `node/owner-token-missing`, and what the server answers.
 */
export async function enrol(request: EnrolmentRequest, renew: boolean, signal: AbortSignal): Promise<Enrolment> {
  const { config, ownerToken, logger } = request;
  const { dataDir } = config.node;
  const { apiUrl } = config.centralServer;
  const offer = offerBody(request);
  const offerHash = createHash("sha256").update(JSON.stringify(offer)).digest("hex");
  const stored = await readEnrolment(dataDir);
  const isUsable = stored?.apiUrl === apiUrl && !renew;
  if (isUsable && stored.offerHash === offerHash) return stored;
  if (ownerToken === undefined) {
    if (isUsable) {
      logger.warn(
        "hardware or sharing changed, but without the owner's token the server keeps the earlier registration",
      );
      return stored;
    }
    const why = renew
      ? "the Central Server no longer knows this node's key"
      : `this node is not registered at ${apiUrl}`;
    throw new AppError(NODE_ERRORS.OWNER_TOKEN_MISSING, { why });
  }
  const enrolment = { ...(await register(request, offer, ownerToken, signal)), apiUrl, offerHash };
  await writeEnrolment(dataDir, enrolment);
  logger.info("registered at the Central Server", { units: enrolment.units.map((unit) => unit.unitId) });
  return enrolment;
}

type Offer = Omit<RegisterNodeBody, "proof" | "ip_address">;

async function register(
  { key, hardware, rest }: EnrolmentRequest,
  offer: Offer,
  ownerToken: string,
  signal: AbortSignal,
): Promise<Pick<Enrolment, "apiKey" | "units">> {
  const ownerId = await rest.ownerOf(ownerToken, signal);
  const proof = Buffer.from(key.sign(`cyxwiz-register:${key.nodeId}:${ownerId}`)).toString("hex");
  const body = { ...offer, proof, ip_address: hardware.ipAddress };
  const answer = await rest.register(body, ownerToken, signal);
  if (answer.node_id !== key.nodeId) {
    throw new AppError(NODE_ERRORS.IDENTITY_MISMATCH, { own: key.nodeId, answered: answer.node_id });
  }
  const units = answer.compute_units.map((unit) => ({
    unitId: unit.unit_id,
    deviceType: unit.device_type,
    deviceId: unit.device_id,
  }));
  return { apiKey: answer.api_key, units };
}

/** What the owner offers, without what changes from day to day or from owner to owner. */
function offerBody({ config, key, hardware, offers, version }: EnrolmentRequest): Offer {
  const { name, region } = config.node;
  return {
    machine_id: key.nodeId,
    public_key: Buffer.from(key.publicKey).toString("hex"),
    name,
    hostname: hardware.hostname,
    os: hardware.os.slice(0, 200),
    version,
    ...(region === undefined ? {} : { region }),
    ...(hardware.fingerprint === undefined ? {} : { fingerprint: hardware.fingerprint }),
    hardware: hardwareBody(hardware),
    compute_units: offers.filter((offer) => offer.kind === "ready").map(unitBody),
  };
}

function hardwareBody({ cpu, gpus, memoryBytes, storageBytes }: DetectedHardware): Offer["hardware"] {
  return {
    cpus: [
      {
        device_id: cpu.deviceId,
        name: cpu.name,
        cores: cpu.cores,
        threads: cpu.threads,
        ...(cpu.baseClockMhz === undefined ? {} : { base_clock_mhz: cpu.baseClockMhz }),
        ...(cpu.boostClockMhz === undefined ? {} : { boost_clock_mhz: cpu.boostClockMhz }),
      },
    ],
    gpus: gpus.map((gpu) => ({
      device_id: gpu.deviceId,
      name: gpu.name,
      vendor: gpu.vendor,
      vram_mb: gpu.vramMb,
      is_integrated: gpu.isIntegrated,
      ...(gpu.driverVersion === undefined ? {} : { driver_version: gpu.driverVersion }),
      ...(gpu.computeCapability === undefined ? {} : { compute_capability: gpu.computeCapability }),
    })),
    ram_total_gb: memoryBytes / GIB,
    storage_total_gb: storageBytes / GIB,
  };
}

function unitBody({ allocation, speed }: Extract<UnitOffer, { kind: "ready" }>): Offer["compute_units"][number] {
  const { deviceType, deviceId, threads, threadsReserved, memoryBytes, memoryReservedBytes } = allocation;
  const { priority, maxPowerPercent, pricePerHour } = allocation;
  const memoryMb = Math.floor(memoryBytes / MIB);
  const share =
    deviceType === "cpu"
      ? { cores_allocated: threads, cores_reserved: threadsReserved, memory_allocated_mb: memoryMb }
      : { vram_allocated_mb: memoryMb, vram_reserved_mb: Math.floor(memoryReservedBytes / MIB) };
  return {
    device_type: deviceType,
    device_id: deviceId,
    allocation: { ...share, priority, max_power_percent: maxPowerPercent },
    benchmark: {
      train_flops_per_second: speed.trainFlopsPerSecond,
      lowering: speed.lowering,
      build: speed.build,
      hardware_class: speed.hardwareClass,
    },
    ...(pricePerHour === undefined ? {} : { price_per_hour: formatAmount(pricePerHour) }),
  };
}
