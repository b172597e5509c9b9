import { join } from "node:path";
import { LocalMarket } from "../market/local-market.ts";
import { NODE_PLANS } from "../market/market-node.ts";
import { untilStopped } from "../market/until-stopped.ts";
import { report, type CommandContext } from "./command-context.ts";

export interface UpOptions {
  readonly dataDir?: string;
  readonly nodes: number;
}

/** The whole market on this computer until Ctrl-C; everything is kept in the data folder. */
export async function up(context: CommandContext, options: UpOptions): Promise<void> {
  const { terminal, signal } = context;
  const dataDir = options.dataDir ?? join(context.home, "market");
  await using market = await LocalMarket.start({
    dataDir,
    nodes: NODE_PLANS.slice(0, options.nodes),
    onProgress: (message) => terminal.say(message),
    signal,
  });
  report(context, { rest_url: market.restUrl, grpc_address: market.grpcAddress, data_dir: dataDir }, () =>
    [
      "The market is running. Its money is simulated: test tokens on its own ledger.",
      `  REST and OpenAPI  ${market.restUrl}/api/openapi.json`,
      `  gRPC              ${market.grpcAddress}`,
      `  Data and logs     ${dataDir}`,
      "",
      "Try it in a second terminal:",
      `  npx cyxwiz login --register --email you@example.org --url ${market.restUrl}`,
      "  npx cyxwiz wallet faucet 100",
      "  npx cyxwiz train examples/digits-cnn.cyxwiz --data mnist",
      "",
      "Ctrl-C stops it; the next start finds everything as it was.",
    ].join("\n"),
  );
  await untilStopped(market, terminal, signal);
}
