import type { Command } from "commander";
import { expect, test } from "vitest";
import { buildProgram } from "./program.ts";
import { createTestCli } from "./cli.fixture.ts";

/** Every command as it is typed: "jobs list". */
function commandPaths(): string[] {
  const refuse = (): never => {
    throw new TypeError("no command runs here");
  };
  const program = buildProgram({ context: refuse, setExitCode: refuse, version: "0", output: {} });
  const walk = (command: Command, path: string): string[] =>
    command.commands.flatMap((child) => {
      const own = `${path}${child.name()}`;
      return [own, ...walk(child, `${own} `)];
    });
  return walk(program, "");
}

test("the command line has the commands that its README lists", () => {
  expect(commandPaths().toSorted()).toEqual(
    [
      ["quickstart", "up", "login", "logout", "whoami", "nodes", "quote", "train"],
      ["node", "node start", "node reputation"],
      ["jobs", "jobs list", "jobs show", "jobs watch", "jobs cancel", "jobs change"],
      ["receipt", "receipt get", "receipt verify", "receipt trust"],
      ["models", "models download"],
      ["wallet", "wallet balance", "wallet history", "wallet faucet"],
    ]
      .flat()
      .toSorted(),
  );
});

test.each(["", ...commandPaths()])("the help of cyxwiz %s shows an example of itself and succeeds", async (path) => {
  await using cli = await createTestCli();
  const { code, out, err } = await cli.cyxwiz([...path.split(" ").filter(Boolean), "--help"]);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(out).toMatch(new RegExp(`Example:\n {2}cyxwiz ${path}`));
});

test("the version is what the program was told", async () => {
  await using cli = await createTestCli();
  expect(await cli.cyxwiz(["--version"])).toEqual({ code: 0, out: "1.2.3\n", err: "" });
});

test.each([
  ["jobs lst", "Did you mean list?"],
  ["trian x.cyxwiz", "Did you mean train?"],
  ["jobs show", "missing required argument 'job'"],
  ["jobs show one two", "too many arguments"],
  ["jobs list --limit 0", "expected a whole number from 1 to 100"],
  ["jobs list --limit many", "expected a whole number from 1 to 100"],
  ["jobs list --state resting", "expected one of CREATED, QUEUED"],
  ["jobs list --stat RUNNING", "Did you mean --state?"],
  ["up --nodes 4", "expected a whole number from 0 to 3"],
  ["quote graph.cyxwiz", "required option '--data <spec>' not specified"],
  ["train graph.cyxwiz --data mnist --epochs 1.5", "expected a whole number from 1 to 100000"],
  ["train graph.cyxwiz --data mnist --learning-rate 0", "expected a number above 0"],
  ["train graph.cyxwiz --data mnist --seed 18446744073709551616", "expected a whole number from 0 to 2^64 − 1"],
  ["train graph.cyxwiz --data mnist --device tpu", "Allowed choices are any, cpu, gpu"],
  ["models download 1 --format pickle", "Allowed choices are onnx, safetensors"],
  ["login --email ada@example.org --url localhost:8080", "expected an address like http://127.0.0.1:8080"],
  ["jobs change 1", "say what to change: --learning-rate, --batch-size or --stop"],
  ["jobs change 1 --learning-rate -1", "expected a number above 0"],
  ["receipt verify r.json --rerun some", "Allowed choices are interval, all"],
  ["receipt trust localhost:8080", "expected an address like http://127.0.0.1:8080"],
  ["wallet faucet", "missing required argument 'amount'"],
])("cyxwiz %s is wrong usage: exit 2, and %j", async (line, message) => {
  await using cli = await createTestCli();
  const { code, out, err } = await cli.cyxwiz(line.split(" "));
  expect({ code, out }).toEqual({ code: 2, out: "" });
  expect(err).toContain(message);
});

test.each([[[]], [["jobs"]]])("cyxwiz %j without a command shows the help as an error", async (args) => {
  await using cli = await createTestCli();
  const { code, out, err } = await cli.cyxwiz(args);
  expect({ code, out }).toEqual({ code: 2, out: "" });
  expect(err).toContain("Usage: cyxwiz");
});

test("with --json wrong usage is one JSON object on standard output", async () => {
  await using cli = await createTestCli();
  const { code, out, err } = await cli.cyxwiz(["jobs", "list", "--limit", "x", "--json"]);
  expect(code).toBe(2);
  expect(JSON.parse(out)).toEqual({ error: expect.stringContaining("whole number from 1 to 100"), code: "cli/usage" });
  expect(err).toContain("whole number from 1 to 100");
  const missing = await cli.cyxwiz(["--json"]);
  expect(JSON.parse(missing.out)).toEqual({ error: "a command is missing", code: "cli/usage" });
});
