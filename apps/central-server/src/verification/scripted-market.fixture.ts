/** A market of scripted nodes in which results are checked, for tests. Its books are checked when it is disposed of. */
import { assert, defined, type NodeId } from "@cyxwiz/primitives";
import { sql } from "kysely";
import { PLATFORM_USER_ID } from "../accounts/platform-account.ts";
import {
  TestMarket,
  type MarketOptions,
  type RestAnswer,
  type TestMachine,
  type TestUser,
} from "../assignments/market.fixture.ts";
import type { QuoteRequest } from "@cyxwiz/protocol/rest";
import type { ReceiptBody, ReceiptKey } from "@cyxwiz/receipt";
import { checkReceipt } from "@cyxwiz/receipt";
import { verifySignature } from "../receipts/verify-signature.fixture.ts";
import { sha256 } from "./job-chain.ts";
import { ScriptedNode, type Flaw, type Lie, type ScriptedTask } from "./scripted-training.fixture.ts";

/** How long a verifier of the same class is waited for in these tests. */
export const WAIT_MS = 600_000;

export interface Hired {
  readonly owner: TestUser;
  readonly node: ScriptedNode;
}

export interface HireOptions {
  readonly owner?: TestUser;
  readonly hardwareClass?: string;
  /** Cores that it shares, and computing threads of a job on it. */
  readonly cores?: number;
  /** Successes that counted so far; none when absent. */
  readonly successes?: number;
}

export interface SubmittedJob {
  readonly jobId: string;
  readonly quoted: bigint;
}

export class ScriptedMarket implements AsyncDisposable {
  readonly market: TestMarket;
  readonly user: TestUser;
  readonly hired: Hired[] = [];

  private constructor(market: TestMarket, user: TestUser) {
    this.market = market;
    this.user = user;
  }

  static async create(options: MarketOptions = {}): Promise<ScriptedMarket> {
    const verification = { isEnabled: true, waitMs: WAIT_MS, auditedShare: 0, ...options.verification };
    const market = await TestMarket.create({ ...options, verification });
    return new ScriptedMarket(market, await market.user());
  }

  /** A machine of its own owner, online. */
  async hire(name: string, options: HireOptions = {}): Promise<Hired> {
    const { cores, successes = 0, hardwareClass = "test-cpu" } = options;
    const owner = options.owner ?? (await this.market.user(0n));
    const machine = await this.market.register(owner, {
      name,
      pricePerHour: "5",
      ...(cores !== undefined && { cores }),
    });
    await this.market.context.db
      .updateTable("machines")
      .set({ successes_counted: successes })
      .where("id", "=", machine.nodeId)
      .execute();
    return this.#online(owner, machine, hardwareClass);
  }

  /** A machine of the platform's own account: its word decides. */
  async platformNode(options: Pick<HireOptions, "hardwareClass" | "cores"> = {}): Promise<Hired> {
    const owner = await this.market.login({ id: PLATFORM_USER_ID });
    return this.hire("the platform's", { ...options, owner });
  }

  /** Takes nodes off the network: their streams end. */
  async dismiss(...gone: readonly Hired[]): Promise<void> {
    for (const one of gone) await one.node.node.close();
  }

  /** Opens a node's stream again; `running` is what it says that it still does. */
  async reconnect({ node }: Hired, running: readonly ScriptedTask[] = []): Promise<void> {
    const still = running.map(({ assignmentId, jobId, fencingToken }) => {
      return { assignmentId, jobId, fencingToken, step: 0n };
    });
    node.node = await this.market.connect(node.machine, still);
    await this.#setClass(node);
  }

  async submit(change: Partial<QuoteRequest> = {}, payer: TestUser = this.user): Promise<SubmittedJob> {
    const { jobId, amount } = await this.market.submit(payer, change);
    return { jobId, quoted: BigInt(Math.round(Number(amount) * 1e9)) };
  }

  /** Has the scheduler look once, and gives the node that holds the job now with its task. */
  async next(jobId: string): Promise<Hired & { readonly task: ScriptedTask }> {
    await this.market.schedule();
    const holder = await this.holder(jobId);
    assert(holder !== undefined, `nobody holds the job ${jobId}`);
    return { ...holder, task: await holder.node.task() };
  }

  async holder(jobId: string): Promise<Hired | undefined> {
    const row = await this.market.context.db
      .selectFrom("assignments")
      .select("machine_id")
      .where("job_id", "=", jobId)
      .where("ended_at", "is", null)
      .executeTakeFirst();
    return row && this.#of(row.machine_id);
  }

  /** Whoever gets the job trains it. */
  async train(jobId: string, lie?: Lie): Promise<Hired> {
    const { owner, node, task } = await this.next(jobId);
    await node.train(task, lie);
    return { owner, node };
  }

  /** Whoever is asked re-runs honestly. */
  async verify(jobId: string, flaw?: Flaw): Promise<Hired> {
    const { owner, node, task } = await this.next(jobId);
    assert(task.rerun !== undefined, "the task is a re-run");
    await this.tick();
    const verdict = await node.rerun(task, flaw ? { flaw } : {});
    assert(verdict.accepted, `the re-run was refused: ${verdict.code}: ${verdict.message}`);
    return { owner, node };
  }

  /** Honest re-runs until the job needs none. */
  async verifyAll(jobId: string, flaw?: Flaw): Promise<readonly Hired[]> {
    const verifiers: Hired[] = [];
    while ((await this.job(jobId)).state === "VERIFYING") verifiers.push(await this.verify(jobId, flaw));
    return verifiers;
  }

  async job(jobId: string): Promise<Awaited<ReturnType<TestMarket["job"]>>> {
    return this.market.job(this.user, jobId);
  }

  /** Of anybody's job. */
  async state(jobId: string): Promise<string> {
    const { db } = this.market.context;
    const job = await db.selectFrom("jobs").select("state").where("id", "=", jobId).executeTakeFirstOrThrow();
    return job.state;
  }

  /** Lets a moment pass. */
  async tick(ms = 5): Promise<void> {
    await this.market.clock.advance(ms);
  }

  /** Lets time pass in which these stay online and everybody else falls silent. */
  async pass(ms: number, alive: readonly Hired[] = []): Promise<void> {
    await this.market.pass(ms);
    for (const { node } of alive) await this.market.market.machines.heartbeats.beat(node.machine.nodeId, "grpc", []);
  }

  async get(path: string, token: string = this.user.token): Promise<RestAnswer> {
    return this.market.send("GET", path, { token });
  }

  async post(path: string, body: object, token: string = this.user.token): Promise<RestAnswer> {
    return this.market.send("POST", path, { token, body });
  }

  /** The job's receipt, after it was checked with nothing but the published keys. */
  async receipt(jobId: string): Promise<ReceiptBody> {
    const answer = await this.get(`/api/jobs/${jobId}/receipt`);
    assert(answer.status === 200, `no receipt: ${answer.text}`);
    const published = (await this.market.send("GET", "/api/receipts/keys")).body as unknown as {
      readonly network: string;
      readonly keys: readonly ReceiptKey[];
    };
    const { network, keys } = published;
    return checkReceipt(answer.body, { keys, network, verify: verifySignature, sha256 });
  }

  async reputation(nodeId: NodeId): Promise<number> {
    const { db } = this.market.context;
    const row = await db.selectFrom("machines").select("reputation").where("id", "=", nodeId).executeTakeFirstOrThrow();
    return row.reputation;
  }

  /** What the platform has. */
  async platform(): Promise<bigint> {
    return this.#sum(sql<boolean>`account = 'platform'`);
  }

  /** Every movement is balanced, nobody owes anything, and what is locked is what open jobs hold. */
  async checkBooks(): Promise<void> {
    const { db } = this.market.context;
    await this.market.settle();
    const { rows } = await sql<{ wrong: number }>`select count(*)::int as wrong from (
      select transaction_id from postings group by transaction_id having sum(amount) <> 0) as unbalanced`.execute(db);
    assert(rows[0]?.wrong === 0, "a transaction is not balanced");
    const { rows: debts } = await sql<{ account: string }>`select account from postings
      where  account <> 'faucet' group by account having sum(amount) < 0`.execute(db);
    assert(debts.length === 0, `in debt: ${debts.map((row) => row.account).join(", ")}`);
    const open = await db.selectFrom("escrows").select("amount").where("state", "<>", "SETTLED").execute();
    const locked = await this.#sum(sql<boolean>`account like 'escrow%'`);
    assert(locked === open.reduce((sum, row) => sum + row.amount, 0n), `${locked} is locked`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.checkBooks();
    } finally {
      await this.market[Symbol.asyncDispose]();
    }
  }

  async #sum(where: ReturnType<typeof sql<boolean>>): Promise<bigint> {
    const { rows } = await sql<{ sum: bigint }>`
      select coalesce(sum(amount), 0)::bigint as sum from postings where ${where}`.execute(this.market.context.db);
    return rows[0]?.sum ?? 0n;
  }

  async #online(owner: TestUser, machine: TestMachine, hardwareClass: string): Promise<Hired> {
    const node = new ScriptedNode(this.market, await this.market.connect(machine), hardwareClass);
    await this.#setClass(node);
    const hired = { owner, node };
    this.hired.push(hired);
    return hired;
  }

  async #setClass({ machine, hardwareClass }: ScriptedNode): Promise<void> {
    await this.market.context.db
      .updateTable("compute_units")
      .set({ hardware_class: hardwareClass })
      .where("machine_id", "=", machine.nodeId)
      .execute();
  }

  #of(nodeId: string): Hired {
    return defined(
      this.hired.find(({ node }) => node.machine.nodeId === nodeId),
      `the node ${nodeId}`,
    );
  }
}
