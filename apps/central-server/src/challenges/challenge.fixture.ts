/** Challenges on a test market: nodes that compute in virtual time, on devices whose speed the test sets. */
import { generateKeyPairSync, randomUUID, sign, type KeyObject } from "node:crypto";
import { chainProduct, operationsOf, type ChallengeTask } from "@cyxwiz/market";
import { assert, type NodeId } from "@cyxwiz/primitives";
import type { ServerMessageBody } from "../assignments/task-streams.ts";
import { TestMarket, type MachineOptions, type TestMachine } from "../assignments/market.fixture.ts";
import { readFleet, type FleetUnit } from "../scheduling/fleet-query.ts";
import { ChallengeService } from "./challenge-service.ts";
import type { TaskAnswer } from "./open-tasks.ts";

/** Rounds that a test's own arithmetic does in milliseconds. */
const CHECKED_ELEMENTS = 64 * 1024;

export interface HandedOut extends ChallengeTask {
  readonly nodeId: NodeId;
  readonly signature: string;
}

export class ChallengedMarket implements AsyncDisposable {
  readonly market: TestMarket;
  service: ChallengeService;
  readonly publicKey: KeyObject;
  /** Units that the fleet shows with a live assignment. */
  readonly working = new Set<string>();
  readonly away = new Set<NodeId>();
  readonly #signingKey: KeyObject;
  readonly #nodes: NodeId[] = [];
  readonly #inbox: HandedOut[] = [];
  #arrived = Promise.withResolvers<void>();

  private constructor(market: TestMarket) {
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    this.market = market;
    this.publicKey = publicKey;
    this.#signingKey = privateKey;
    this.service = this.newService();
  }

  static async create(): Promise<ChallengedMarket> {
    return new ChallengedMarket(await TestMarket.create());
  }

  newService(): ChallengeService {
    const { context } = this.market;
    return new ChallengeService({
      ...context,
      readFleet: () => this.#fleet(),
      send: (nodeId, message) => this.#take(nodeId, message),
      isReachable: (nodeId) => !this.away.has(nodeId),
      sign: (text) => sign(null, Buffer.from(text), this.#signingKey).toString("base64url"),
      checkedElements: CHECKED_ELEMENTS,
    });
  }

  /** A machine with one CPU unit, at an address of its own unless the test gives one. */
  async machine(options: MachineOptions & { readonly ipAddress?: string } = {}): Promise<TestMachine> {
    const machine = await this.market.register(await this.market.user(0n), options);
    const ipAddress = options.ipAddress ?? randomUUID();
    const { db } = this.market.context;
    await db.updateTable("machines").set({ ip_address: ipAddress }).where("id", "=", machine.nodeId).execute();
    this.#nodes.push(machine.nodeId);
    this.service.registered(machine.nodeId);
    return machine;
  }

  /** Two looks, with the time between them that a device must be idle. */
  async pass(signal: AbortSignal = new AbortController().signal): Promise<void> {
    await this.advance(0);
    await this.service.pass(signal);
    await this.advance(3_000);
    await this.service.pass(signal);
  }

  /** Moves time in steps that keep every node online. */
  async advance(ms: number): Promise<void> {
    const { clock } = this.market;
    for (let left = ms; left > 0 || ms === 0; left -= 10_000) {
      for (const nodeId of this.#nodes) this.market.market.machines.presence.beat(nodeId, "rest");
      await clock.advance(Math.min(Math.max(left, 0), 10_000));
      if (ms === 0) return;
    }
  }

  /** The next `count` tasks that were handed out. */
  async tasks(count: number): Promise<readonly HandedOut[]> {
    while (this.#inbox.length < count) await this.#arrived.promise;
    return this.#inbox.splice(0, count);
  }

  get handedOut(): number {
    return this.#inbox.length;
  }

  /**
   * Computes `rounds` rounds of `units` units. Units on one device have its speed in equal parts.
   *
   * Units: speed in operations a second.
   */
  async compute(
    rounds: number,
    units: number,
    deviceOf: (unitId: string) => { readonly name: string; readonly flopsPerSecond: number },
  ): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      const tasks = await this.tasks(units);
      const ends = tasks.map((task) => {
        const device = deviceOf(task.unitId);
        const sharers = tasks.filter((other) => deviceOf(other.unitId).name === device.name).length;
        return { task, ms: (1_000 * sharers * operations(task)) / device.flopsPerSecond };
      });
      let elapsed = 0;
      for (const { task, ms } of ends.toSorted((a, b) => a.ms - b.ms)) {
        await this.market.clock.advance(ms - elapsed);
        elapsed = ms;
        await this.answer(task);
      }
    }
    await this.service.settled();
  }

  async answer(task: HandedOut, change: Partial<TaskAnswer> = {}): Promise<void> {
    await this.service.answered(task.nodeId, { ...rightAnswer(task), ...change });
  }

  async unit({ unitIds }: TestMachine): Promise<{
    status: string;
    status_reason: string | null;
    calibration: unknown;
    challenged_at: Date | null;
    train_flops_per_second: number | null;
  }> {
    return this.market.context.db
      .selectFrom("compute_units")
      .select(["status", "status_reason", "calibration", "challenged_at", "train_flops_per_second"])
      .where("id", "=", unitIds[0] ?? "")
      .executeTakeFirstOrThrow();
  }

  /** Outcomes of the unit's tasks, in their order. */
  async outcomes({ unitIds }: TestMachine): Promise<readonly (string | null)[]> {
    const rows = await this.market.context.db
      .selectFrom("challenges")
      .select("outcome")
      .where("unit_id", "=", unitIds[0] ?? "")
      .orderBy("issued_at")
      .execute();
    return rows.map((row) => row.outcome);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.market[Symbol.asyncDispose]();
  }

  async #fleet(): Promise<readonly FleetUnit[]> {
    const { presence } = this.market.market.machines;
    const isReachable = (nodeId: NodeId): boolean => !this.away.has(nodeId);
    const fleet = await readFleet({ db: this.market.context.db, presence, isReachable });
    return fleet.map((unit) => ({ ...unit, activeJobs: this.working.has(unit.unitId) ? 1 : 0 }));
  }

  #take(nodeId: NodeId, message: ServerMessageBody): boolean {
    assert(message.case === "calibration", "challenges send nothing else");
    const { challengeId, unitId, seed, rounds, secondsAtMost, signature } = message.value as unknown as HandedOut;
    this.#inbox.push({ nodeId, challengeId, unitId, seed, rounds, secondsAtMost, signature });
    this.#arrived.resolve();
    this.#arrived = Promise.withResolvers<void>();
    return true;
  }
}

export function rightAnswer({ challengeId, unitId, seed, rounds }: HandedOut): TaskAnswer {
  return {
    challengeId,
    unitId,
    busy: false,
    code: "",
    message: "",
    results: rounds.map((round) => ({ size: round.size, product: chainProduct(BigInt(seed), round), seconds: 0.5 })),
  };
}

function operations({ rounds }: HandedOut): number {
  return rounds.reduce((sum, round) => sum + operationsOf(round), 0);
}
