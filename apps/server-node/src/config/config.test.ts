import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { assert, isError, parseAmount } from "@cyxwiz/primitives";
import { expect, test } from "vitest";
import { tempFolder } from "../../test/temp-folder.ts";
import { NODE_ERRORS } from "../errors.ts";
import { loadConfig, readOwnerToken } from "./load-config.ts";
import { parseNodeConfig } from "./node-config.ts";

function parse(tables: unknown, env: Record<string, string> = {}): ReturnType<typeof parseNodeConfig> {
  return parseNodeConfig(tables, { source: "test.toml", env });
}

function problemsOf(tables: unknown, env: Record<string, string> = {}): readonly string[] {
  try {
    parse(tables, env);
  } catch (error) {
    assert(isError(error, NODE_ERRORS.CONFIG_INVALID), "expected node/config-invalid");
    return error.context.problems;
  }
  return [];
}

test("the documents' own example is understood", () => {
  const config = parse({
    node: { name: "my-node", max_concurrent_jobs: 3 },
    central_server: { address: "example.org:50051", heartbeat_interval_seconds: 10, reconnect_delay_seconds: 5 },
    devices: { gpu_ids: [], max_gpu_memory_mb: 8000 },
    api: { enabled: true, port: 8000 },
    logging: { level: "info", file: "server-node.log" },
  });
  expect(config.node.name).toBe("my-node");
  expect(config.centralServer).toEqual({
    address: "example.org:50051",
    apiUrl: "http://example.org:8080",
    heartbeatIntervalMs: 10_000,
    reconnectDelayMs: 5_000,
  });
  expect(config.devices.maxGpuMemoryMb).toBe(8_000);
});

test("[NC3] the environment overrides the file", () => {
  const config = parse(
    { node: { name: "from-file" }, logging: { level: "warn" } },
    { CYXWIZ_NODE_NAME: "from-env", CYXWIZ_CENTRAL_SERVER: "[::1]:1", CYXWIZ_LOG_LEVEL: "debug" },
  );
  expect([config.node.name, config.centralServer.apiUrl, config.logging.level]).toEqual([
    "from-env",
    "http://[::1]:8080",
    "debug",
  ]);
});

test("prices are exact amounts", () => {
  const config = parse({ devices: { price_per_hour: { cpu: "0.100000001" } } });
  expect(config.devices.pricePerHour).toEqual({ cpu: parseAmount("0.100000001") });
});

test("[NC1] an unknown key is refused with the nearest known one", () => {
  expect(problemsOf({ node: { nmae: "x" } })).toEqual(["node.nmae is not a key: did you mean node.name?"]);
  expect(problemsOf({ devices: { colour_of_the_case: 1 } })[0]).toContain("[devices] has gpu_ids");
  expect(problemsOf({ zzzzzzzzzzzzzzzz: 1 })[0]).toContain("the sections are [node]");
});

test("[NC2] every wrong value is named with what is allowed, all at once", () => {
  const problems = problemsOf(
    { node: { max_concurrent_jobs: 0 }, devices: { price_per_hour: { cpu: 0.1 } } },
    { CYXWIZ_CENTRAL_SERVER: "nowhere" },
  );
  expect(problems).toHaveLength(3);
  expect(problems[0]).toBe(
    "node.max_concurrent_jobs is 0: allowed is a whole number from 1 to 64. Change it or leave it out",
  );
  expect(problems[1]).toContain("devices.price_per_hour.cpu is 0.1: allowed is an amount of CYXWIZ in quotes");
  expect(problems[2]).toContain('CYXWIZ_CENTRAL_SERVER (central_server.address) is "nowhere"');
});

test("[NC4] a secret is never part of a message", () => {
  expect(problemsOf({ account: { token: 123_456_789 } })[0]).not.toContain("123456789");
});

test("a file that is named must be there and be TOML", async () => {
  await using folder = await tempFolder();
  const file = join(folder.path, "config.toml");
  await expect(loadConfig({ file, env: {} })).rejects.toMatchObject({ code: NODE_ERRORS.CONFIG_UNREADABLE.code });
  await writeFile(file, "[node\nname = 1");
  await expect(loadConfig({ file, env: {} })).rejects.toMatchObject({ code: NODE_ERRORS.CONFIG_UNREADABLE.code });
  await writeFile(file, '[node]\nname = "a"');
  expect((await loadConfig({ file, env: {} })).node.name).toBe("a");
});

test("the owner's token comes from its file, without the line's end", async () => {
  await using folder = await tempFolder();
  const tokenFile = join(folder.path, "token");
  await writeFile(tokenFile, "abc\n");
  expect(await readOwnerToken({ tokenFile })).toBe("abc");
  expect(await readOwnerToken({})).toBeUndefined();
});

test("the example file in the repository is valid", async () => {
  const file = new URL("../../server-node.example.toml", import.meta.url).pathname;
  expect((await loadConfig({ file, env: {} })).node.maxConcurrentJobs).toBe(3);
});
