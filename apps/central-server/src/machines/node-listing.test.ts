import { VirtualClock } from "@cyxwiz/platform";
import type { NodeId } from "@cyxwiz/primitives";
import { DeviceType } from "@cyxwiz/protocol";
import { describe, expect, it } from "vitest";
import { NODE_LIST_PAGES } from "./limits.ts";
import type { MachineRow, MachineWithUnits, UnitRow } from "./node-directory.ts";
import { NodeListing, type NodePageRequest } from "./node-listing.ts";
import { Presence } from "./presence.ts";

const ANY: NodePageRequest = { pageSize: 0, pageToken: "", onlineOnly: false, filterDevice: 0, filterRegion: "" };

/** A node with the columns that the list shows; it has one CPU, or one GPU of NVIDIA's. */
function node(id: string, { region = null, gpu = false }: { region?: string | null; gpu?: boolean } = {}) {
  const hardware = { source: "rest", cpus: [], gpus: [{ device_id: 0, vendor: "nvidia" }], ram_total_gb: 1 };
  const unit = { device_type: gpu ? "gpu" : "cpu", device_id: 0, device_name: "device", memory_bytes: 1n, cores: 1 };
  const machine = { id, name: id, region, hardware, reputation: 7_500, jobs_completed: 0, last_seen_at: null };
  return {
    machine: machine as unknown as MachineRow,
    units: [{ ...unit, price_per_hour: 1n } as unknown as UnitRow],
  };
}

/** A listing of `nodes`, which a test changes as the database would; `reads` counts the looks at it. */
function setup(...nodes: MachineWithUnits[]) {
  const clock = new VirtualClock();
  const presence = new Presence(clock);
  const database = { nodes, reads: 0, failure: undefined as Error | undefined };
  const listing = new NodeListing(async () => {
    database.reads++;
    if (database.failure) throw database.failure;
    return [...database.nodes];
  }, presence);
  const page = async (request: Partial<NodePageRequest> = {}) => listing.page({ ...ANY, ...request });
  const ids = async (request: Partial<NodePageRequest> = {}) =>
    (await page(request)).nodes?.map((shown) => shown.nodeId);
  return { clock, presence, database, page, ids };
}

describe("the list of nodes", () => {
  it("is read once for any number of calls within a second", async () => {
    const { clock, database, page } = setup(node("a"));
    const [first] = await Promise.all([page(), page(), page({ onlineOnly: true })]);
    await clock.advance(999);
    expect(await page()).toBe(first);
    expect(database.reads).toBe(1);
  });

  it("shows what changed, and who is online, within a second", async () => {
    const { clock, database, ids, presence } = setup(node("a"));
    expect(await ids()).toEqual(["a"]);
    expect(await ids({ onlineOnly: true })).toEqual([]);
    database.nodes.push(node("b"));
    presence.beat("a" as NodeId, "grpc");
    await clock.advance(1_000);
    expect(await ids()).toEqual(["a", "b"]);
    expect(await ids({ onlineOnly: true })).toEqual(["a"]);
    await clock.advance(15_000);
    expect(await ids({ onlineOnly: true })).toEqual([]);
  });

  it("keeps no read that failed: the next call reads anew", async () => {
    const { database, ids, page } = setup(node("a"));
    database.failure = new Error("the database is away");
    const failed = await Promise.allSettled([page(), page()]);
    expect(failed.map((one) => one.status)).toEqual(["rejected", "rejected"]);
    database.failure = undefined;
    expect(await ids()).toEqual(["a"]);
    expect(database.reads).toBe(2);
  });

  it("is cut into pages, and a token that is not ours starts over", async () => {
    const { ids, page } = setup(node("a"), node("b"), node("c"));
    for (let times = 0; times < 2; times++) {
      expect(await page({ pageSize: 2 })).toMatchObject({
        nodes: [{ nodeId: "a" }, { nodeId: "b" }],
        nextPageToken: "2",
        totalCount: 3,
        onlineCount: 0,
      });
      expect(await page({ pageSize: 2, pageToken: "2" })).toMatchObject({
        nodes: [{ nodeId: "c" }],
        nextPageToken: "",
      });
    }
    expect(await ids({ pageToken: "-1" })).toEqual(["a", "b", "c"]);
    expect(await page({ pageToken: "9" })).toMatchObject({ nodes: [], nextPageToken: "", totalCount: 3 });
  });

  it("gives at most 200 nodes a page, and 50 when no size is asked for", async () => {
    const { page } = setup(...Array.from({ length: 201 }, (_, index) => node(`node ${index}`)));
    expect((await page({ pageSize: 1_000 })).nodes).toHaveLength(200);
    expect((await page({ pageSize: -1 })).nodes).toHaveLength(50);
  });

  it("is filtered by region, device and presence, each filter with its own pages", async () => {
    const { ids, presence } = setup(node("a", { region: "eu" }), node("b", { gpu: true }), node("c", { region: "us" }));
    presence.beat("c" as NodeId, "grpc");
    for (let times = 0; times < 2; times++) {
      expect(await ids()).toEqual(["a", "b", "c"]);
      expect(await ids({ filterRegion: "eu" })).toEqual(["a"]);
      expect(await ids({ filterRegion: "us", onlineOnly: true })).toEqual(["c"]);
      expect(await ids({ filterDevice: DeviceType.DEVICE_CUDA })).toEqual(["b"]);
      expect(await ids({ filterRegion: "mars" })).toEqual([]);
    }
  });

  it("keeps a bounded number of pages, and none that is empty; others are right all the same", async () => {
    const { page } = setup(...Array.from({ length: 100 }, (_, index) => node(`node ${index}`)));
    const nowhere = { filterRegion: "nowhere" };
    expect(await page(nowhere)).not.toBe(await page(nowhere));
    for (let from = 0; from < NODE_LIST_PAGES; from++) await page({ pageSize: 1, pageToken: String(from) });
    const kept = { pageSize: 1, pageToken: "0" };
    expect(await page(kept)).toBe(await page(kept));
    const beyond = { pageSize: 1, pageToken: String(NODE_LIST_PAGES) };
    expect(await page(beyond)).not.toBe(await page(beyond));
    expect(await page(beyond)).toMatchObject({ nodes: [{ nodeId: `node ${NODE_LIST_PAGES}` }] });
  });

  it("hands out pages that nobody can change for the next caller", async () => {
    const { page } = setup(node("a"));
    const { nodes } = await page();
    expect(() => nodes?.pop()).toThrow(TypeError);
  });
});
