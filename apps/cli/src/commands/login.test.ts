import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { refusal, startTestMarket, type Answer } from "../client/market.fixture.ts";
import { createTestCli } from "../cli.fixture.ts";

const USER = {
  id: "9f0e1a7c-0a56-4a53-8f4a-1f2b3c4d5e6f",
  email: "ada@example.org",
  username: "ada",
  name: "Ada",
  role: "user",
  wallet_address: null,
  created_at: "2026-01-01T10:00:00Z",
};
const SIGNED_IN: Answer = { json: { token: "fresh", token_expires_at: "2026-01-02T10:00:00Z", user: USER } };
const PASSWORD = { CYXWIZ_PASSWORD: "correct horse battery" };

test("signing up sends the password of CYXWIZ_PASSWORD and remembers the session, but never the password", async () => {
  await using market = await startTestMarket({ "POST /api/auth/register": SIGNED_IN });
  await using cli = await createTestCli();
  const args = ["login", "--register", "--email", "ada@example.org", "--url", market.url];
  const { code, out, err } = await cli.cyxwiz(args, { env: PASSWORD });
  expect({ code, out, err }).toEqual({ code: 0, out: `Signed in to ${market.url} as ada.\n`, err: "" });
  expect(JSON.parse(market.requests[0]?.body ?? "")).toEqual({
    email: "ada@example.org",
    password: PASSWORD.CYXWIZ_PASSWORD,
  });
  const { id, email, username } = USER;
  expect(await cli.sessions.load()).toEqual({ url: market.url, token: "fresh", user: { id, email, username } });
  expect((await stat(join(cli.home, "session.json"))).mode & 0o077).toBe(0);
});

test("signing in works by username, at the market of the last login, and --json shows no token", async () => {
  await using market = await startTestMarket({ "POST /api/auth/login": SIGNED_IN });
  await using cli = await createTestCli({ signedInTo: market.url });
  const { code, out } = await cli.cyxwiz(["login", "--username", "ada", "--json"], { env: PASSWORD });
  expect(code).toBe(0);
  expect(JSON.parse(market.requests[0]?.body ?? "")).toEqual({
    username: "ada",
    password: PASSWORD.CYXWIZ_PASSWORD,
  });
  expect(JSON.parse(out)).toMatchObject({ url: market.url, user: { username: "ada" } });
  expect(out).not.toContain("fresh");
});

test("a token in a file signs in to the account that it is for, and an unreadable file is said", async () => {
  await using market = await startTestMarket({ "GET /api/auth/me": { json: USER } });
  await using cli = await createTestCli({ signedInTo: market.url });
  const file = join(cli.home, "platform-token");
  await writeFile(file, "of-the-platform\n");
  const { code, out } = await cli.cyxwiz(["login", "--token-file", file]);
  expect({ code, out }).toEqual({ code: 0, out: `Signed in to ${market.url} as ada.\n` });
  expect(await cli.sessions.load()).toMatchObject({ token: "of-the-platform", user: { id: USER.id } });
  const missing = await cli.cyxwiz(["login", "--token-file", join(cli.home, "none")]);
  expect(missing.code).toBe(2);
  expect(missing.err).toContain("cannot be read");
});

test("a refused login keeps the session that was there", async () => {
  const json = refusal("UNAUTHORIZED", "the password is wrong, or there is no such account");
  await using market = await startTestMarket({ "POST /api/auth/login": { status: 401, json } });
  await using cli = await createTestCli({ signedInTo: market.url });
  const { code } = await cli.cyxwiz(["login", "--email", "ada@example.org"], { env: PASSWORD });
  expect(code).toBe(3);
  expect(await cli.sessions.load()).toMatchObject({ token: "saved-token" });
});

test.each([[["login"]], [["login", "--register", "--username", "ada"]]])(
  "%j does not say who is signing in: wrong usage",
  async (args) => {
    await using cli = await createTestCli();
    const { code, err } = await cli.cyxwiz(args, { env: PASSWORD });
    expect(code).toBe(2);
    expect(err).toContain("say who you are: --email you@example.org");
  },
);

test.skipIf(process.stdin.isTTY)(
  "without a terminal and without CYXWIZ_PASSWORD nobody waits for a password",
  async () => {
    await using cli = await createTestCli();
    const { code, err } = await cli.cyxwiz(["login", "--email", "ada@example.org"]);
    expect(code).toBe(2);
    expect(err).toContain("set CYXWIZ_PASSWORD, or run this on a terminal to be asked");
  },
);

test("a corrupt session file means not signed in, and logging out removes it", async () => {
  await using cli = await createTestCli({ signedInTo: "no address" });
  expect((await cli.cyxwiz(["wallet", "balance"])).err).toContain("needs an account");
  const { code, out } = await cli.cyxwiz(["logout"]);
  expect({ code, out }).toEqual({ code: 0, out: "Signed out on this computer.\n" });
  await expect(stat(join(cli.home, "session.json"))).rejects.toThrow("ENOENT");
});
