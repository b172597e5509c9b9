/**
 * The pages of ListNodes, cut from a snapshot of all nodes that is at most `NODE_LIST_AGE_MS` old.
 *
 * Anyone may ask for the list without an account, and dashboards do so all the time: however many ask, the database is
 * read once in that time, and a page that was cut is given again as it is, already encoded. A call sees everything that
 * was true that long before it came. A read that fails fails for those who waited for it; the next call reads anew.
 */
import type { ListNodesRequest, NodeDiscoveryService } from "@cyxwiz/protocol";
import { lastingAnswer, type ServiceHandlers } from "@cyxwiz/protocol/server";
import { DEFAULT_NODES_PAGE, MAX_NODES_PAGE, NODE_LIST_AGE_MS, NODE_LIST_PAGES } from "./limits.ts";
import type { MachineWithUnits } from "./node-directory.ts";
import { toWireNode, type WireNode } from "./node-info.ts";
import type { Presence } from "./presence.ts";

export type NodePage = Awaited<ReturnType<NonNullable<ServiceHandlers<typeof NodeDiscoveryService>["listNodes"]>>>;

/** The fields that choose a page; an empty region and device 0 are any. */
export type NodePageRequest = Pick<
  ListNodesRequest,
  "pageSize" | "pageToken" | "onlineOnly" | "filterDevice" | "filterRegion"
>;

interface Snapshot {
  /** On the monotonic clock, when its read began. */
  readonly begunAt: number;
  readonly nodes: Promise<readonly WireNode[]>;
  readonly pages: Map<string, NodePage>;
}

export class NodeListing {
  readonly #read: () => Promise<readonly MachineWithUnits[]>;
  readonly #presence: Presence;
  #snapshot: Snapshot | undefined;

  constructor(read: () => Promise<readonly MachineWithUnits[]>, presence: Presence) {
    this.#read = read;
    this.#presence = presence;
  }

  /** The page that is asked for. Page tokens are positions; one that is not ours starts over. */
  async page(request: NodePageRequest): Promise<NodePage> {
    const { nodes, pages } = this.#fresh();
    const all = await nodes;
    const { onlineOnly, filterDevice, filterRegion } = request;
    const from = /^\d{1,6}$/.test(request.pageToken) ? Number(request.pageToken) : 0;
    const size = request.pageSize > 0 ? Math.min(request.pageSize, MAX_NODES_PAGE) : DEFAULT_NODES_PAGE;
    const key = JSON.stringify([from, size, onlineOnly, filterDevice, filterRegion]);
    const known = pages.get(key);
    if (known) return known;
    const page = cutPage(all, request, { from, size });
    // A page without nodes is cheap to cut, and anyone can ask for any number of them under names of any length.
    if (page.nodes?.length !== 0 && pages.size < NODE_LIST_PAGES) pages.set(key, lastingAnswer(page));
    return page;
  }

  #fresh(): Snapshot {
    const now = this.#presence.clock.monotonic();
    if (this.#snapshot && now - this.#snapshot.begunAt < NODE_LIST_AGE_MS) return this.#snapshot;
    const snapshot: Snapshot = { begunAt: now, nodes: this.#wireNodes(), pages: new Map() };
    this.#snapshot = snapshot;
    snapshot.nodes.catch(() => {
      if (this.#snapshot === snapshot) this.#snapshot = undefined;
    });
    return snapshot;
  }

  async #wireNodes(): Promise<readonly WireNode[]> {
    const found = await this.#read();
    return found.map((node) => toWireNode(node, this.#presence));
  }
}

function cutPage(
  all: readonly WireNode[],
  { onlineOnly, filterDevice, filterRegion }: NodePageRequest,
  { from, size }: { readonly from: number; readonly size: number },
): NodePage {
  const online = all.filter((node) => node.isOnline);
  const shown = (onlineOnly ? online : all).filter(
    (node) =>
      (filterRegion === "" || node.region === filterRegion) &&
      (filterDevice === 0 || node.devices?.some((device) => device.deviceType === filterDevice)),
  );
  return {
    nodes: shown.slice(from, from + size),
    nextPageToken: from + size < shown.length ? String(from + size) : "",
    totalCount: shown.length,
    onlineCount: online.length,
  };
}
