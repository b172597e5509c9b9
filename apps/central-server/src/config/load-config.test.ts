import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isError } from "@cyxwiz/primitives";
import { expect, onTestFinished, test } from "vitest";
import { CENTRAL_ERRORS } from "../errors.ts";
import { configFrom, loadConfig } from "./load-config.ts";
import { openSecrets } from "./secrets.ts";

const SECRET = "0123456789abcdef0123456789abcdef";

function refusal(text: string, environment: Record<string, string> = {}): string {
  try {
    configFrom(text, environment, "central.toml");
  } catch (error) {
    if (isError(error, CENTRAL_ERRORS.CONFIG_MALFORMED)) return error.message;
    throw error;
  }
  return "accepted";
}

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), "cyxwiz-config-"));
  onTestFinished(() => rm(made, { recursive: true, force: true }));
  return made;
}

test("without a file everything has a default and the database is embedded", () => {
  const config = configFrom("", {});
  expect(config.server).toMatchObject({
    grpcAddress: "0.0.0.0:50051",
    restAddress: "0.0.0.0:8080",
    dataFolder: ".data/central",
  });
  expect(config.database).toEqual({ url: "embedded:.data/central", maxConnections: 10 });
  expect(config.payments).toEqual({ faucet: false, cancelRefund: "uncommitted" });
});

test("the environment wins over the file, each variable as its key's kind", () => {
  const config = configFrom(`[server]\nrest_address = "127.0.0.1:1"\n[payments]\nfaucet = false`, {
    CYXWIZ_SERVER_REST_ADDRESS: "127.0.0.1:0",
    CYXWIZ_SERVER_ALLOWED_ORIGINS: "https://a.example, https://b.example",
    CYXWIZ_PAYMENTS_FAUCET: "true",
    CYXWIZ_SCHEDULER_MAX_JOBS_PER_NODE: "7",
    CYXWIZ_JWT_SECRET: "01234567890123456789012345678901",
    CYXWIZ_NODE_NAME: "another program's variable",
  });
  expect(config.server.restAddress).toBe("127.0.0.1:0");
  expect(config.server.allowedOrigins).toEqual(["https://a.example", "https://b.example"]);
  expect([config.payments.faucet, config.scheduler.maxJobsPerNode]).toEqual([true, 7]);
  expect(config.jwt.secret).toHaveLength(32);
});

test.each([
  ["[databse]\nurl = 'x'", ["central.toml", "[databse]", "Did you mean database?"]],
  ["[server]\nrest_adress = '0.0.0.0:80'", ["[server] rest_adress", "Did you mean rest_address?"]],
  ["[server]\nrest_address = '0.0.0.0:70000'", ["[server] rest_address", '"0.0.0.0:70000"', "port 0 picks a free one"]],
  ["[scheduler]\nmax_jobs_per_node = 0", ["[scheduler] max_jobs_per_node", "= 0", "from 1 to 1000"]],
  ["[blockchain]\nnetwork = 'devnet'", ["[blockchain] network", '"devnet"', "simulated payments"]],
  ["[payments]\ncancel_refund = 'all'", ["uncommitted, full"]],
  ["server = 3", ["server", "a section [server]"]],
])("a value that is not allowed is refused with key, value, what is allowed and a fix: %s", (text, parts) => {
  const message = refusal(text);
  for (const part of parts) expect(message).toContain(part);
});

test("a variable with a misspelt key is refused, and one with a bad value names the variable", () => {
  expect(refusal("", { CYXWIZ_DATABASE_ULR: "x" })).toContain("Did you mean CYXWIZ_DATABASE_URL?");
  const message = refusal("", { CYXWIZ_DATABASE_MAX_CONNECTIONS: "many" });
  expect(message).toContain("environment variable CYXWIZ_DATABASE_MAX_CONNECTIONS");
});

test.each(["your-secret-key-here-your-secret-key-here", "changeme-changeme-changeme-changeme", "short"])(
  "a secret from an example or too short stops the start and is not repeated: %s",
  (secret) => {
    const message = refusal(`[jwt]\nsecret = "${secret}"`);
    expect(message).toContain("[jwt] secret");
    expect(message).not.toContain(secret);
  },
);

test("a shared database without a secret stops the start", () => {
  const url = `[database]\nurl = "postgresql://u:p@db/market"`;
  expect(refusal(url)).toContain("A server on a shared database needs a secret of its own");
  expect(configFrom(`${url}\n[jwt]\nsecret = "${SECRET}"`, {}).jwt.secret).toBe(SECRET);
});

test("a file that is missing or not TOML is refused with its name", async () => {
  const missing = await loadConfig("/nowhere/central.toml", {}).catch((error: unknown) => error);
  expect(missing).toMatchObject({ code: "central/config-unreadable", context: { file: "/nowhere/central.toml" } });
  const file = join(await folder(), "central.toml");
  await writeFile(file, "[server\n");
  await expect(loadConfig(file, {})).rejects.toMatchObject({ code: "central/config-unreadable" });
});

test("secrets are made once, kept for the next start and closed to others", async () => {
  const data = await folder();
  const config = configFrom(`[database]\nurl = "embedded:${data}"`, {});
  const [one, two] = await Promise.all([openSecrets(config), openSecrets(config)]);
  const later = await openSecrets(config);
  expect(Buffer.from(one.jwtSecret)).toEqual(Buffer.from(two.jwtSecret));
  expect(Buffer.from(later.jwtSecret)).toEqual(Buffer.from(one.jwtSecret));
  expect(later.signingKey.equals(one.signingKey) && two.signingKey.equals(one.signingKey)).toBe(true);
  for (const file of ["jwt-secret", "signing-key.pem"]) {
    expect((await stat(join(data, file))).mode & 0o077).toBe(0);
  }
});
