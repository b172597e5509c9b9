import { defined } from "@cyxwiz/primitives";
import type { TrainingJob } from "@cyxwiz/backend";
import type { Lie } from "./lie.ts";

type Role = "TRAIN" | "VERIFY";

export interface Lies {
  readonly trainer?: Lie;
  readonly verifier?: Lie;
  /** What is honest about the job is done in the test's own process, which starts sooner, and not in one of its own. */
  readonly isQuick?: boolean;
}

/**
 * Who lies about one job. Said by role and not by name: the first node that is given work of that kind is the liar, and
 * lies once. So the scheduler stays as free as it is, and no test depends on whom it prefers.
 */
export class Deception {
  readonly #lies: Readonly<Partial<Record<Role, Lie>>>;
  readonly #liars = new Map<Role, string>();
  readonly isQuick: boolean;

  constructor({ trainer, verifier, isQuick = false }: Lies) {
    this.isQuick = isQuick;
    this.#lies = { ...(trainer && { TRAIN: trainer }), ...(verifier && { VERIFY: verifier }) };
  }

  /** Asked at the start of each piece of work. */
  begin({ replay }: TrainingJob, node: string): Lie | undefined {
    const role = replay ? "VERIFY" : "TRAIN";
    const lie = this.#lies[role];
    if (!lie || this.#liars.has(role)) return undefined;
    this.#liars.set(role, node);
    return lie;
  }

  /** What becomes of a node's reports. */
  reports(node: string): Lie["report"] {
    return this.#liars.get("TRAIN") === node ? this.#lies.TRAIN?.report : undefined;
  }

  /** Name of the node that trained, and lied. */
  get trainer(): string {
    return defined(this.#liars.get("TRAIN"), "a trainer that lied");
  }

  /** Name of the node that checked, and lied. */
  get verifier(): string {
    return defined(this.#liars.get("VERIFY"), "a verifier that lied");
  }
}

/** The deceptions that go on, by the seed of their job: that is what a trainer knows of it. */
export class Deceptions {
  readonly #bySeed = new Map<string, Deception>();

  add(seed: string, deception: Deception): void {
    this.#bySeed.set(seed, deception);
  }

  end(seed: string): void {
    this.#bySeed.delete(seed);
  }

  begin(job: TrainingJob, node: string): Lie | undefined {
    return this.#bySeed.get(job.seed)?.begin(job, node);
  }

  isQuick({ seed }: TrainingJob): boolean {
    return this.#bySeed.get(seed)?.isQuick ?? false;
  }

  reports(node: string): Lie["report"] {
    for (const deception of this.#bySeed.values()) {
      const change = deception.reports(node);
      if (change) return change;
    }
    return undefined;
  }
}
