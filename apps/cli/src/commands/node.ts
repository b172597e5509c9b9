import { fileURLToPath } from "node:url";
import { spawn } from "node:child_process";
import { printable } from "@cyxwiz/primitives";
import type { PublicNode } from "@cyxwiz/protocol/rest";
import type { Reputation } from "../client/market-client.ts";
import { formatTable } from "../terminal/table.ts";
import { publicClient, report, type CommandContext } from "./command-context.ts";

export interface NodeStartOptions {
  readonly config?: string;
}

/** The market's nodes, as everybody may see them. */
export async function listNodes(context: CommandContext): Promise<void> {
  const nodes = await (await publicClient(context)).nodes();
  const rows = nodes.flatMap((node) => node.devices.map((device) => ({ node, device })));
  report(context, { nodes }, () =>
    rows.length === 0
      ? "No node shares a device yet. Share this computer's: cyxwiz node start"
      : formatTable(
          [
            { title: "node", value: ({ node }) => node.name },
            { title: "status", value: ({ node }) => node.status },
            { title: "device", value: ({ device }) => device.name },
            { title: "shares", value: ({ device }) => shareOf(device) },
            { title: "price/h", align: "right", value: ({ device }) => device.price_per_hour },
            { title: "GFLOP/s", align: "right", value: ({ device }) => device.train_gflops?.toFixed(1) ?? "unknown" },
            { title: "reputation", align: "right", value: ({ node }) => node.reputation.toFixed(0) },
            { title: "jobs", align: "right", value: ({ node }) => String(node.jobs_completed) },
          ],
          rows,
        ),
  );
}

function shareOf(device: PublicNode["devices"][number]): string {
  if (device.device_type === "cpu") return `${device.cores ?? 0} cores`;
  return `${device.vram_mb ?? 0} MB`;
}

/** Why a node's reputation is what it is: every change with its evidence, newest first. */
export async function nodeReputation(context: CommandContext, nodeId: string): Promise<void> {
  const answer = await (await publicClient(context)).reputation(nodeId);
  report(context, answer, () => reputationText(answer));
}

function reputationText({ node_id, reputation, changes, penalties }: Reputation): string {
  const when = (at: string): string => at.slice(0, 19).replace("T", " ");
  const signed = (change: number): string => `${change < 0 ? "−" : "+"}${Math.abs(change).toFixed(2)}`;
  return [
    `Node ${node_id} has reputation ${reputation.toFixed(2)} of 100.`,
    ...(changes.length === 0 ? ["Nothing has changed it yet."] : ["", "Changes, newest first"]),
    ...changes.flatMap((change) => [
      `  ${when(change.at)}  ${signed(change.after - change.before).padStart(7)}  to ${change.after.toFixed(2)}  ${change.cause}`,
      ...evidenceLines(change.evidence),
    ]),
    ...(penalties.length === 0 ? [] : ["", "Penalties"]),
    ...penalties.flatMap((penalty) => [
      `  ${when(penalty.at)}  ${penaltyText(penalty)}  ${penalty.cause}`,
      ...evidenceLines(penalty.evidence),
    ]),
  ]
    .map(printable)
    .join("\n");
}

function penaltyText({ percent, is_ban: isBan, is_applied: isApplied }: Reputation["penalties"][number]): string {
  const what = `${percent} % of the stake${isBan ? " and a ban" : ""}`;
  return isApplied ? what : `${what} (recorded, not taken)`;
}

/** What a change follows from, as the market wrote it down. */
function evidenceLines(evidence: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(evidence).map(
    ([name, value]) => `      ${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
}

/** Runs a Server Node on this computer for the signed-in account, in the foreground. */
export async function startNode(context: CommandContext, options: NodeStartOptions): Promise<number> {
  const session = await context.sessions.load();
  const program = fileURLToPath(new URL("../../../server-node/src/main.ts", import.meta.url));
  const args = [program, "--daemon", ...(options.config ? ["--config", options.config] : [])];
  const env = {
    ...context.env,
    ...(session && { CYXWIZ_TOKEN: context.env["CYXWIZ_TOKEN"] ?? session.token }),
    ...(session && { CYXWIZ_API_URL: context.env["CYXWIZ_API_URL"] ?? session.url }),
  };
  const child = spawn(process.execPath, args, { stdio: "inherit", env });
  context.signal.addEventListener("abort", () => child.kill("SIGTERM"), { once: true });
  const { promise, resolve } = Promise.withResolvers<number>();
  child.once("exit", (code) => resolve(code ?? 1));
  return await promise;
}
