/** `cyxwiz-central-server`: reads the configuration, runs the server until SIGTERM or SIGINT, drains it. */
import { parseArgs } from "node:util";
import { errorMessage, isAppError } from "@cyxwiz/primitives";
import { createLogger, systemClock, tellSupervisorReady, whenSupervisorGone } from "@cyxwiz/platform";
import { loadConfig } from "./config/load-config.ts";
import { createCentralServer } from "./create-central-server.ts";
import { VERSION } from "./version.ts";

const HELP = `cyxwiz-central-server: schedules jobs, knows the nodes, holds the escrows

Usage: cyxwiz-central-server [--config FILE]

  --config FILE  TOML file; without it the defaults run: a database and keys of its own in .data/central
  --help         this text
  --version      the version

Every key of the file is also an environment variable, CYXWIZ_<SECTION>_<KEY>, which wins: CYXWIZ_SERVER_REST_ADDRESS.
`;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  try {
    const options = { config: { type: "string" }, help: { type: "boolean" }, version: { type: "boolean" } } as const;
    const { values } = parseArgs({ args: [...args], options });
    if (values.help || values.version) {
      process.stdout.write(values.help ? HELP : `${VERSION}\n`);
      return 0;
    }
    return await serve(values.config);
  } catch (error) {
    process.stderr.write(`cyxwiz-central-server: ${explained(error)}\n`);
    return 1;
  }
}

/** A refusal is for the operator, in a line; anything else is our bug and needs its stack. */
function explained(error: unknown): string {
  if (isAppError(error) || !(error instanceof Error)) return errorMessage(error);
  const isUsage = "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS");
  return isUsage
    ? `${error.message.replaceAll("\n", " ")} (--help shows what there is)`
    : (error.stack ?? error.message);
}

async function serve(file: string | undefined): Promise<number> {
  const config = await loadConfig(file, process.env);
  const logger = createLogger({ name: "central-server", level: config.logging.level });
  const stop = new AbortController();
  const fatal = Promise.withResolvers<"fatal">();
  const stopped = Promise.withResolvers<"stopped">();
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      stop.abort();
      stopped.resolve("stopped");
    });
  }
  whenSupervisorGone(() => {
    stop.abort();
    stopped.resolve("stopped");
  });
  await using server = await createCentralServer(config, {
    clock: systemClock,
    logger,
    random: Math.random,
    signal: stop.signal,
    onFatal: () => fatal.resolve("fatal"),
  });
  const { restUrl, grpcAddress } = server;
  logger.info("central server is ready", { rest: restUrl, grpc: grpcAddress, payments: "simulated (ledger)" });
  tellSupervisorReady({ kind: "ready", restUrl, grpcAddress });
  const end = await Promise.race([stopped.promise, fatal.promise]);
  logger.info("central server is stopping", {
    because: end === "fatal" ? "another server took the database" : "signal",
  });
  return end === "fatal" ? 1 : 0;
}
