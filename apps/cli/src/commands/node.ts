import { fileURLToPath } from "node:url";
import { spawn } from "node:child_process";
import type { PublicNode } from "@cyxwiz/protocol/rest";
import { MarketClient } from "../client/market-client.ts";
import { marketUrl } from "../client/market-url.ts";
import { formatTable } from "../terminal/table.ts";
import { report, type CommandContext } from "./command-context.ts";

export interface NodeStartOptions {
  readonly config?: string;
}

/** The market's nodes, as everybody may see them. */
export async function listNodes(context: CommandContext): Promise<void> {
  const session = await context.sessions.load();
  const nodes = await new MarketClient(marketUrl(context.env, session ? { remembered: session.url } : {})).nodes();
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
