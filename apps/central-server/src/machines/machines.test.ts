import { describe, expect, it } from "vitest";
import { newKeys, TestMarket } from "../assignments/market.fixture.ts";

describe("registering a machine", () => {
  it("gives the machine its key's id, one unit per device, and a key that works", async () => {
    await using market = await TestMarket.create();
    const owner = await market.user(0n);
    const machine = await market.register(owner);
    expect(machine.unitIds).toEqual([expect.stringMatching(/^unit_cpu0_[a-z0-9]{10}$/)]);
    const beat = await market.send("POST", `/api/nodes/${machine.nodeId}/heartbeat`, {
      token: machine.apiKey,
      body: {},
    });
    expect(beat).toMatchObject({ status: 200, body: { success: true, commands: [] } });
  });

  it("again by its owner keeps ids and rotates the key; by another owner it is a conflict", async () => {
    await using market = await TestMarket.create();
    const [owner, other] = [await market.user(0n), await market.user(0n)];
    const keys = newKeys();
    const first = await market.register(owner, { keys });
    const second = await market.register(owner, { keys, cores: 8, coresShared: 6 });
    expect(second).toMatchObject({ nodeId: first.nodeId, unitIds: first.unitIds });
    const stale = await market.send("POST", `/api/nodes/${first.nodeId}/heartbeat`, { token: first.apiKey, body: {} });
    expect(stale.status).toBe(401);
    const body = market.registrationBody(other, { keys });
    const taken = await market.send("POST", "/api/nodes/register", { token: other.token, body });
    expect(taken).toMatchObject({
      status: 409,
      body: { code: "CONFLICT", details: { reason: "central/machine-key-taken" } },
    });
  });

  it("refuses an id that the key does not give, and a proof made for another owner", async () => {
    await using market = await TestMarket.create();
    const [owner, other] = [await market.user(0n), await market.user(0n)];
    const body = market.registrationBody(owner);
    const id = "3f2504e0-4f89-41d3-9a0c-0305e82c3301";
    const wrong = await market.send("POST", "/api/nodes/register", {
      token: owner.token,
      body: { ...body, machine_id: id },
    });
    expect(wrong).toMatchObject({ status: 400, body: { details: { reason: "central/machine-id-mismatch" } } });
    const replayed = await market.send("POST", "/api/nodes/register", { token: other.token, body });
    expect(replayed).toMatchObject({ status: 403, body: { details: { reason: "central/machine-proof-mismatch" } } });
  });

  it("refuses more than the hardware has, naming device, asked and available", async () => {
    await using market = await TestMarket.create();
    const owner = await market.user(0n);
    const body = market.registrationBody(owner, { cores: 4, coresShared: 5 });
    const answer = await market.send("POST", "/api/nodes/register", { token: owner.token, body });
    expect(answer).toMatchObject({
      status: 422,
      body: {
        code: "INVALID_ALLOCATION",
        details: { device: "CPU 0 (CPU)", asked: "5 cores and 0 in reserve", available: "4 cores" },
      },
    });
  });

  it("refuses a device twice, and a price that no amount can hold", async () => {
    await using market = await TestMarket.create();
    const owner = await market.user(0n);
    const body = market.registrationBody(owner);
    const [unit] = body["compute_units"] as object[];
    const send = async (units: unknown): Promise<unknown> =>
      market.send("POST", "/api/nodes/register", { token: owner.token, body: { ...body, compute_units: units } });
    expect(await send([unit, unit])).toMatchObject({
      status: 400,
      body: { details: { reason: "central/device-doubled" } },
    });
    expect(await send([{ ...unit, price_per_hour: "9999999999" }])).toMatchObject({
      body: { details: { reason: "central/price-out-of-range" } },
    });
    expect(await send([{ ...unit, price_per_hour: "-1" }])).toMatchObject({ status: 400 });
  });

  it("a device that is left out is no longer shared", async () => {
    await using market = await TestMarket.create();
    const owner = await market.user(0n);
    const keys = newKeys();
    const machine = await market.register(owner, { keys });
    const body = { ...market.registrationBody(owner, { keys }), compute_units: [] };
    const again = await market.send("POST", "/api/nodes/register", { token: owner.token, body });
    expect(again.body["compute_units"]).toEqual([]);
    const shown = await market.send("GET", `/api/nodes/${machine.nodeId}`);
    expect(shown.body["devices"]).toEqual([]);
  });
});

describe("presence", () => {
  it("a silent node is offline, and a beat brings node and units back", async () => {
    await using market = await TestMarket.create();
    const machine = await market.register(await market.user(0n));
    const shown = async (): Promise<unknown> => (await market.send("GET", `/api/nodes/${machine.nodeId}`)).body;
    expect(await shown()).toMatchObject({ status: "online", devices: [{ status: "active" }] });
    await market.pass(22_501);
    expect(await shown()).toMatchObject({ status: "offline", devices: [{ status: "offline" }] });
    await market.send("POST", `/api/nodes/${machine.nodeId}/heartbeat`, { token: machine.apiKey, body: {} });
    expect(await shown()).toMatchObject({ status: "online", devices: [{ status: "active" }] });
  });

  it("a node that is silent for seven days is INACTIVE until it registers again", async () => {
    await using market = await TestMarket.create();
    const owner = await market.user(0n);
    const keys = newKeys();
    const machine = await market.register(owner, { keys });
    const state = async (): Promise<string> => {
      const query = market.context.db.selectFrom("machines").select("state").where("id", "=", machine.nodeId);
      return (await query.executeTakeFirstOrThrow()).state;
    };
    await market.pass(60_000);
    await market.pass(7 * 24 * 3_600_000);
    expect(await state()).toBe("INACTIVE");
    await market.send("POST", `/api/nodes/${machine.nodeId}/heartbeat`, { token: machine.apiKey, body: {} });
    expect(await state()).toBe("INACTIVE");
    await market.register(await market.login(owner), { keys });
    expect(await state()).toBe("ACTIVE");
  });

  it("a node pauses and resumes its own units; beats are written together", async () => {
    await using market = await TestMarket.create();
    const machine = await market.register(await market.user(0n));
    const beat = async (status: string): Promise<unknown> => {
      const units = [{ unit_id: machine.unitIds[0], status, current_load_percent: 40 }];
      const path = `/api/nodes/${machine.nodeId}/heartbeat`;
      await market.send("POST", path, { token: machine.apiKey, body: { compute_units: units } });
      return (await market.send("GET", `/api/nodes/${machine.nodeId}`)).body["devices"];
    };
    expect(await beat("paused")).toMatchObject([{ status: "paused" }]);
    expect(await beat("active")).toMatchObject([{ status: "active" }]);
    expect(await beat("error")).toMatchObject([{ status: "error" }]);
    await market.market.machines.heartbeats.flush();
    const unit = market.context.db.selectFrom("compute_units").select("load_percent");
    expect(await unit.executeTakeFirstOrThrow()).toEqual({ load_percent: 40 });
  });

  it("a beat of an unknown node or by another's key is refused", async () => {
    await using market = await TestMarket.create();
    const [machine, other] = [
      await market.register(await market.user(0n)),
      await market.register(await market.user(0n)),
    ];
    const foreign = await market.send("POST", `/api/nodes/${machine.nodeId}/heartbeat`, {
      token: other.apiKey,
      body: {},
    });
    expect(foreign).toMatchObject({ status: 403, body: { details: { reason: "central/node-foreign" } } });
    const unknown = "3f2504e0-4f89-41d3-9a0c-0305e82c3301";
    const lost = await market.send("POST", `/api/nodes/${unknown}/heartbeat`, { token: other.apiKey, body: {} });
    expect(lost).toMatchObject({ status: 404, body: { details: { reason: "central/node-not-found" } } });
  });
});

describe("what is shown of a machine", () => {
  it("the public list has neither address nor owner nor wallet", async () => {
    await using market = await TestMarket.create();
    await market.register(await market.user(0n));
    const list = await market.send("GET", "/api/nodes");
    expect(list.status).toBe(200);
    expect(list.text).not.toMatch(/192\.0\.2\.1|owner|wallet|api_key/);
  });

  it("devices are shown only to their owner", async () => {
    await using market = await TestMarket.create();
    const [owner, other] = [await market.user(0n), await market.user(0n)];
    const answer = await market.send("GET", `/api/users/${owner.id}/devices`, { token: other.token });
    expect(answer).toMatchObject({ status: 403, body: { details: { reason: "central/owner-foreign" } } });
  });

  it("allocations change only within the hardware, all together or not at all", async () => {
    await using market = await TestMarket.create();
    const [owner, other] = [await market.user(0n), await market.user(0n)];
    const machine = await market.register(owner);
    const change = async (token: string, unitId: string, cores: number): Promise<unknown> => {
      const body = { compute_units: [{ unit_id: unitId, allocation: { cores_allocated: cores } }] };
      return market.send("PUT", `/api/nodes/${machine.nodeId}/allocations`, { token, body });
    };
    const unitId = machine.unitIds[0] ?? "";
    expect(await change(owner.token, unitId, 2)).toMatchObject({ status: 200, body: { updated_units: [unitId] } });
    expect(await change(owner.token, unitId, 9)).toMatchObject({ status: 422 });
    expect(await change(other.token, unitId, 1)).toMatchObject({ status: 403 });
    expect(await change(owner.token, "unit_cpu9_abcdefgh", 1)).toMatchObject({
      status: 404,
      body: { details: { reason: "central/unit-not-found" } },
    });
    expect((await market.send("GET", `/api/nodes/${machine.nodeId}`)).body["devices"]).toMatchObject([{ cores: 2 }]);
  });
});

describe("older nodes over gRPC", () => {
  it("register with a key or without, always to the same id, and get a node token", async () => {
    await using market = await TestMarket.create();
    const owner = await market.user(0n);
    const devices = [{ deviceType: 1, deviceName: "CPU", computeUnits: 8 }];
    const info = { name: "old", devices, cpuCores: 8, ramTotal: 16n * 2n ** 30n, ipAddress: "192.0.2.9", port: 50052 };
    const call = async (publicKey: Uint8Array): Promise<{ readonly [field: string]: unknown }> =>
      market.call("NodeService.registerNode", owner.token, { info, publicKey });
    const keyless = await call(new Uint8Array());
    expect(keyless).toMatchObject({ status: 1, nodeId: expect.any(String), nodeToken: expect.any(String) });
    expect((await call(new Uint8Array()))["nodeId"]).toBe(keyless["nodeId"]);
    const { publicKey } = newKeys();
    expect((await call(publicKey))["nodeId"]).toBe((await call(publicKey))["nodeId"]);
    expect(await call(new Uint8Array(7))).toMatchObject({
      status: 6,
      error: { code: 400, details: "central/public-key-malformed" },
    });
    const node = await market.send("GET", `/api/nodes/${String(keyless["nodeId"])}`);
    expect(node.body["devices"]).toMatchObject([{ device_type: "cpu", price_per_hour: "0.09", train_gflops: null }]);
  });

  it("beat, are told what to stop, and are refused in-band for another's node", async () => {
    await using market = await TestMarket.create();
    const [owner, other] = [await market.user(0n), await market.user(0n)];
    const machine = await market.register(owner);
    const request = { nodeId: machine.nodeId, activeJobs: ["a-job-nobody-gave"], units: [], running: [] };
    expect(await market.call("NodeService.heartbeat", owner.token, request)).toMatchObject({
      status: 1,
      keepAlive: true,
      jobsToCancel: ["a-job-nobody-gave"],
      nodeToken: expect.any(String),
    });
    expect(await market.call("NodeService.heartbeat", other.token, request)).toMatchObject({
      status: 6,
      error: { code: 403, details: "central/node-foreign" },
    });
  });

  it("are found by discovery without address and wallet", async () => {
    await using market = await TestMarket.create();
    const machine = await market.register(await market.user(0n));
    const list = { pageSize: 10, pageToken: "", onlineOnly: true, filterDevice: 0, filterRegion: "" };
    const found = await market.call("NodeDiscoveryService.listNodes", "", list);
    expect(found).toMatchObject({
      totalCount: 1,
      onlineCount: 1,
      nodes: [{ nodeId: machine.nodeId, reputationScore: 0.75 }],
    });
    const [node = {}] = found["nodes"] as object[];
    expect(Object.keys(node)).not.toContain("ipAddress");
    expect(Object.keys(node)).not.toContain("walletAddress");
    const one = await market.call("NodeDiscoveryService.getNodeInfo", "", { nodeId: machine.nodeId });
    expect(one).toMatchObject({ info: { nodeId: machine.nodeId, isOnline: true } });
  });
});
