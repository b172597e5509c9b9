/** The command line itself: names, options, help. What a command does is in `commands/`. */
import { JOB_STATES } from "@cyxwiz/protocol/rest";
import { Command, InvalidArgumentError, Option, type OutputConfiguration } from "commander";
import type { CommandContext } from "./commands/command-context.ts";
import { cancel, change, listJobs, showJob, watch } from "./commands/jobs.ts";
import { login, logout, whoami } from "./commands/login.ts";
import { download } from "./commands/models.ts";
import { isHttpUrl } from "./client/market-url.ts";
import { listNodes, nodeReputation, startNode } from "./commands/node.ts";
import { quickstart } from "./commands/quickstart.ts";
import { getReceipt, trustMarket, verifyReceiptFile } from "./commands/receipt.ts";
import { quote, train } from "./commands/train.ts";
import { up } from "./commands/up.ts";
import { balance, faucet, history } from "./commands/wallet.ts";

export interface Invocation {
  /** Makes the context once the options are known. */
  readonly context: (options: { json: boolean }) => CommandContext;
  readonly setExitCode: (code: number) => void;
  readonly version: string;
  readonly output: OutputConfiguration;
}

const EXIT_CODES =
  "\nExit codes: 0 done, 1 failed, 2 wrong usage, 3 refused by the market, 4 market unreachable, 130 interrupted.";

export function buildProgram(invocation: Invocation): Command {
  // The output comes first: a command takes over what its parent has when it is made.
  const program = new Command("cyxwiz")
    .configureOutput(invocation.output)
    .description("Train, buy and sell machine-learning compute.")
    .version(invocation.version)
    .option("--json", "one JSON object on the last line of standard output; everything else goes to standard error")
    .showHelpAfterError("(cyxwiz --help lists the commands)")
    .addHelpText("after", "\nExample:\n  cyxwiz train examples/digits-cnn.cyxwiz --data mnist\n" + EXIT_CODES)
    .exitOverride();
  const context = (command: Command): CommandContext =>
    invocation.context({ json: command.optsWithGlobals()["json"] === true });
  addMarketCommands(program, context, invocation);
  addTrainingCommands(program, context);
  addJobCommands(program, context);
  addReceiptCommands(program, context);
  addWalletCommands(program, context);
  for (const command of everyCommand(program)) command.exitOverride().option("--json", "answer as JSON");
  return program;
}

type ContextOf = (command: Command) => CommandContext;

function addMarketCommands(program: Command, context: ContextOf, invocation: Invocation): void {
  example(program.command("quickstart"), "cyxwiz quickstart --json")
    .description("run a whole market here and train one network on handwritten digits through it")
    .option("--keep", "leave the market running and print its addresses")
    .option("--out <folder>", "where the trained model goes", "results")
    .option("--seed <number>", "unsigned 64-bit seed instead of one that the server draws", seedNumber)
    .action(async (options, command: Command) => await quickstart(context(command), options));
  example(program.command("up"), "cyxwiz up --data-dir ~/market")
    .description("run a whole market on this computer until Ctrl-C")
    .option("--data-dir <folder>", "where accounts, jobs, money and models are kept")
    .option(
      "--nodes <count>",
      "owners' Server Nodes to start, 0 to 3, beside the platform's verifier",
      wholeNumber(0, 3),
      3,
    )
    .action(async (options, command: Command) => await up(context(command), options));
  example(program.command("login"), "cyxwiz login --register --email you@example.org")
    .description("sign in, or up, and remember the session")
    .option("--url <url>", "address of the market's REST API", marketUrl)
    .option("--email <email>", "e-mail address of the account")
    .option("--username <name>", "username of the account")
    .option("--register", "make a new account")
    .option("--token-file <file>", "sign in with the token in a file, like the platform's own")
    .action(async (options, command: Command) => await login(context(command), options));
  example(program.command("logout"), "cyxwiz logout")
    .description("forget the session on this computer")
    .action(async (_options, command: Command) => await logout(context(command)));
  example(program.command("whoami"), "cyxwiz whoami")
    .description("the account of this session")
    .action(async (_options, command: Command) => await whoami(context(command)));
  example(program.command("nodes"), "cyxwiz nodes")
    .description("the market's nodes: devices, prices, measured speed")
    .action(async (_options, command: Command) => await listNodes(context(command)));
  const node = example(program.command("node"), "cyxwiz node start").description("share this computer's devices");
  example(node.command("start"), "cyxwiz node start --config server-node.toml")
    .description("run a Server Node in the foreground for the signed-in account")
    .option("--config <file>", "its configuration file")
    .action(async (options, command: Command) => invocation.setExitCode(await startNode(context(command), options)));
  example(node.command("reputation <node>"), "cyxwiz node reputation 0b6b1c9e-…")
    .description("why a node's reputation is what it is: every change with its evidence")
    .action(async (id: string, _options, command: Command) => await nodeReputation(context(command), id));
}

function addTrainingCommands(program: Command, context: ContextOf): void {
  trainingOptions(example(program.command("quote"), "cyxwiz quote examples/digits-cnn.cyxwiz --data mnist --epochs 4"))
    .description("ask what a training job would cost, and lock nothing")
    .action(
      async (file: string, options, command: Command) => await quote(context(command), { ...options, graphPath: file }),
    );
  trainingOptions(
    example(
      program.command("train"),
      "cyxwiz train examples/iris-mlp.cyxwiz --data 'csv:examples/iris.csv?label=species'",
    ),
  )
    .description("train a network on the market: quote, escrow, training, download")
    .option("--detach", "return as soon as the job is submitted")
    .option("--out <folder>", "where the trained model goes", ".")
    .action(
      async (file: string, options, command: Command) => await train(context(command), { ...options, graphPath: file }),
    );
}

function trainingOptions(command: Command): Command {
  return command
    .argument("<file>", "graph file: .cyxwiz, or .cyxgraph of an existing Engine")
    .requiredOption("--data <spec>", "mnist | idx:IMAGES,LABELS | csv:FILE?label=COLUMN")
    .option("--batch-size <n>", "samples in a step", wholeNumber(1, 65_536))
    .option("--epochs <n>", "passes over the data", wholeNumber(1, 100_000))
    .option("--learning-rate <rate>", "instead of the optimizer's own", positiveNumber)
    .option("--seed <number>", "unsigned 64-bit seed; drawn by the server when absent", seedNumber)
    .option("--max-price <amount>", "no quote above this many CYXWIZ")
    .addOption(new Option("--device <kind>", "device that the job needs").choices(["any", "cpu", "gpu"]));
}

function addJobCommands(program: Command, context: ContextOf): void {
  const jobs = example(program.command("jobs"), "cyxwiz jobs list").description("your jobs");
  example(jobs.command("list"), "cyxwiz jobs list --state RUNNING")
    .description("your jobs, newest first")
    .option("--state <state>", "only jobs in this state, like RUNNING", jobState)
    .option("--limit <n>", "how many", wholeNumber(1, 100), 20)
    .action(async (options, command: Command) => await listJobs(context(command), options));
  example(jobs.command("show <job>"), "cyxwiz jobs show 4a1c…")
    .description("one job: result, node, money, and what happened")
    .action(async (job: string, _options, command: Command) => await showJob(context(command), job));
  example(jobs.command("watch <job>"), "cyxwiz jobs watch 4a1c…")
    .description("follow a job until it is paid")
    .action(async (job: string, _options, command: Command) => await watch(context(command), job));
  example(jobs.command("cancel <job>"), "cyxwiz jobs cancel 4a1c… --keep-model")
    .description("stop a job; committed steps are paid, the rest comes back")
    .option("--keep-model", "keep what was trained so far")
    .action(async (job: string, options, command: Command) => await cancel(context(command), job, options));
  example(jobs.command("change <job>"), "cyxwiz jobs change 4a1c… --learning-rate 0.001")
    .description("change a job while it runs; its receipt names the change with its step")
    .option("--learning-rate <rate>", "from the next step on", positiveNumber)
    .option(
      "--batch-size <n>",
      "a divisor of the job's batch: a step then makes several updates",
      wholeNumber(1, 65_536),
    )
    .option("--stop", "end now with the model as it is; committed steps are paid")
    .action(async (job: string, options, command: Command) => await change(context(command), job, options));
  const models = example(program.command("models"), "cyxwiz models download 4a1c… --out models").description(
    "trained models",
  );
  example(models.command("download <job>"), "cyxwiz models download 4a1c… --format onnx")
    .description("download a job's model and check it")
    .addOption(new Option("--format <format>", "only this file").choices(["onnx", "safetensors"]))
    .option("--out <folder>", "where to put it", ".")
    .action(async (job: string, options, command: Command) => await download(context(command), job, options));
}

function addReceiptCommands(program: Command, context: ContextOf): void {
  const receipt = example(program.command("receipt"), "cyxwiz receipt verify results/receipt.json").description(
    "signed receipts: what was computed, by whom, how it was checked, who was paid",
  );
  example(receipt.command("get <job>"), "cyxwiz receipt get 4a1c… --out receipt.json")
    .description("save a job's receipt and remember the market's key")
    .option("--out <file>", "where it goes", "receipt.json")
    .action(async (job: string, options, command: Command) => await getReceipt(context(command), job, options));
  example(receipt.command("verify <file>"), "cyxwiz receipt verify results/receipt.json --rerun")
    .description("check a receipt offline, with the keys that you trust")
    .option("--key <file-or-url>", "a market's key beside those that are remembered; can be repeated", collected, [])
    .addOption(
      new Option("--rerun [steps]", "run the drawn steps (interval), or all of them, again on this machine")
        .choices(["interval", "all"])
        .preset("interval"),
    )
    .option("--files <folder>", "where graph, dataset and checkpoint are, by any name; else the receipt's folder")
    .action(
      async (file: string, options, command: Command) => await verifyReceiptFile(context(command), file, options),
    );
  example(receipt.command("trust"), "cyxwiz receipt trust http://127.0.0.1:8080")
    .description("fetch and remember a market's keys, and show their fingerprints")
    .argument("<url>", "address of the market's REST API", marketUrl)
    .option("--replace", "although you know a market of this name by other keys, which are forgotten")
    .action(async (url: string, options, command: Command) => await trustMarket(context(command), url, options));
}

function addWalletCommands(program: Command, context: ContextOf): void {
  const wallet = example(program.command("wallet"), "cyxwiz wallet balance").description("your CYXWIZ");
  example(wallet.command("balance"), "cyxwiz wallet balance")
    .description("what you have, what is in escrow, what you earned")
    .action(async (_options, command: Command) => await balance(context(command)));
  example(wallet.command("history"), "cyxwiz wallet history --limit 50")
    .description("every movement, newest first")
    .option("--limit <n>", "how many", wholeNumber(1, 200), 20)
    .action(async (options, command: Command) => await history(context(command), options));
  example(wallet.command("faucet <amount>"), "cyxwiz wallet faucet 100")
    .description("test tokens, where the market gives them")
    .action(async (amount: string, _options, command: Command) => await faucet(context(command), amount));
}

function example(command: Command, line: string): Command {
  return command.addHelpText("after", `\nExample:\n  ${line}`);
}

function collected(value: string, before: readonly string[]): string[] {
  return [...before, value];
}

function everyCommand(command: Command): Command[] {
  return command.commands.flatMap((child) => [child, ...everyCommand(child)]);
}

function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < min || value > max) {
      throw new InvalidArgumentError(`expected a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}

function positiveNumber(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new InvalidArgumentError("expected a number above 0.");
  return value;
}

function jobState(text: string): string {
  const state = JOB_STATES.find((known) => known === text.toUpperCase());
  if (state === undefined) throw new InvalidArgumentError(`expected one of ${JOB_STATES.join(", ")}.`);
  return state;
}

function marketUrl(text: string): string {
  if (!isHttpUrl(text)) throw new InvalidArgumentError("expected an address like http://127.0.0.1:8080.");
  return text;
}

function seedNumber(text: string): string {
  if (!/^\d{1,20}$/.test(text) || BigInt(text) >= 2n ** 64n) {
    throw new InvalidArgumentError("expected a whole number from 0 to 2^64 − 1.");
  }
  return text;
}
