/** What a machine has, whether it is shared or not. A figure that could not be read is absent, never guessed. */

export interface DetectedCpu {
  readonly deviceId: number;
  readonly name: string;
  /** Physical cores; the threads where the system does not say. */
  readonly cores: number;
  /** Logical processors of the machine. */
  readonly threads: number;
  /** Threads that this process may use: fewer than `threads` under affinity or a cgroup's quota. */
  readonly usableThreads: number;
  readonly baseClockMhz?: number;
  readonly boostClockMhz?: number;
}

export interface DetectedGpu {
  /** The driver's own number. */
  readonly deviceId: number;
  readonly name: string;
  readonly vendor: "nvidia";
  readonly vramMb: number;
  readonly uuid?: string;
  readonly driverVersion?: string;
  readonly computeCapability?: string;
  readonly isIntegrated: boolean;
}

export interface DetectedHardware {
  readonly hostname: string;
  readonly os: string;
  /** Address on the local network; the server sees the public one itself. */
  readonly ipAddress: string;
  readonly cpu: DetectedCpu;
  readonly gpus: readonly DetectedGpu[];
  /** Why there are no GPUs in the list, where a driver is installed and does not answer. */
  readonly gpuProblem?: string;
  /** Main memory that this process may use: less than the machine's in a cgroup. */
  readonly memoryBytes: number;
  /** Size of the disk that holds the data folder. */
  readonly storageBytes: number;
  /** SHA-256 in hex over facts that stay; absent where the machine has none that tells it from others. */
  readonly fingerprint?: string;
}
