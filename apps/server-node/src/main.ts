/**
 * `cyxwiz-server-node`: runs one node in the foreground, as a service manager wants it.
 *
 * SIGTERM and SIGINT drain; a second one ends at once, and training processes end with their parent.
 */
import { isAbsolute, join } from "node:path";
import { parseArgs } from "node:util";
import { errorMessage, isError } from "@cyxwiz/primitives";
import { createLogger, systemClock, tellSupervisorReady, whenSupervisorGone } from "@cyxwiz/platform";
import { defaultConfigPath, loadConfig } from "./config/load-config.ts";
import type { NodeConfig } from "./config/node-config.ts";
import { createServerNode, type ServerNode } from "./create-server-node.ts";
import { NODE_ERRORS } from "./errors.ts";
import { nodeVersion } from "./node-version.ts";
import { statusLine } from "./status/node-status.ts";

const STATUS_LINE_MS = 1_000;

const HELP = `cyxwiz-server-node ${nodeVersion()}: shares this computer's devices on the CyxWiz network

  cyxwiz-server-node --daemon [--config FILE]

  --config FILE   configuration in TOML (default: ${defaultConfigPath()})
  --daemon        log lines only, for service managers
  --version       print the version
  --help          print this

Environment, over the file: CYXWIZ_NODE_NAME, CYXWIZ_DATA_DIR, CYXWIZ_REGION, CYXWIZ_CENTRAL_SERVER (host:port),
CYXWIZ_API_URL, CYXWIZ_LOG_LEVEL, CYXWIZ_LOG_FILE, CYXWIZ_TOKEN or CYXWIZ_TOKEN_FILE (the owner's token, needed once).`;

/** Exit codes: 0 stopped as asked, 1 could not work, 2 wrong arguments or configuration. */
async function main(args: readonly string[]): Promise<number> {
  const flags = {
    config: { type: "string" },
    daemon: { type: "boolean" },
    help: { type: "boolean" },
    version: { type: "boolean" },
  } as const;
  let values: { config?: string; daemon?: boolean; help?: boolean; version?: boolean };
  try {
    ({ values } = parseArgs({ args: [...args], options: flags }));
  } catch (error) {
    console.error(`${errorMessage(error)}\nTry --help.`);
    return 2;
  }
  if (values.help) console.log(HELP);
  else if (values.version) console.log(nodeVersion());
  else return serve(values);
  return 0;
}

async function serve(flags: { readonly config?: string; readonly daemon?: boolean }): Promise<number> {
  try {
    const file = flags.config === undefined ? {} : { file: flags.config };
    const config = await loadConfig({ ...file, env: process.env });
    await using node = await createServerNode(config, {
      clock: systemClock,
      logger: createLogger({ name: "server-node", ...logging(config) }),
      random: Math.random,
      onFirstOnline: () => tellSupervisorReady({ kind: "ready", nodeId: node.nodeId }),
    });
    if (config.api.enabled) console.error("[api] enabled: serving models is not built yet; the port stays closed.");
    if (!flags.daemon)
      console.log(
        "The GUI and the terminal UI are not built yet: running in the foreground (--daemon silences this line).",
      );
    await runUntilSignal(node, { showsStatus: flags.daemon !== true });
    return 0;
  } catch (error) {
    console.error(errorMessage(error));
    return isError(error, NODE_ERRORS.CONFIG_INVALID) || isError(error, NODE_ERRORS.CONFIG_UNREADABLE) ? 2 : 1;
  }
}

async function runUntilSignal(node: ServerNode, { showsStatus }: { readonly showsStatus: boolean }): Promise<void> {
  const stop = new AbortController();
  const onSignal = (): void => {
    if (stop.signal.aborted) process.exit(130);
    stop.abort();
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
  whenSupervisorGone(() => stop.abort());
  const ended = new AbortController();
  const line = showsStatus ? showStatusLine(node, ended.signal) : Promise.resolve();
  try {
    await node.run(stop.signal);
  } finally {
    ended.abort();
    await line;
    process.off("SIGTERM", onSignal);
    process.off("SIGINT", onSignal);
  }
}

/** Prints the line whenever it changes. */
async function showStatusLine(node: ServerNode, signal: AbortSignal): Promise<void> {
  for (let shown = ""; !signal.aborted;) {
    const line = statusLine(node.status());
    if (line !== shown) console.log(line);
    shown = line;
    await systemClock.sleep(STATUS_LINE_MS, signal).catch(() => undefined);
  }
}

/** A relative log file lives in the data folder. */
function logging({
  logging: { level, file },
  node: { dataDir },
}: NodeConfig): Pick<Parameters<typeof createLogger>[0], "level" | "file"> {
  if (file === undefined) return { level };
  return { level, file: isAbsolute(file) ? file : join(dataDir, file) };
}

process.exitCode = await main(process.argv.slice(2));
