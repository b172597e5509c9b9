import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startTestMarket } from "../client/market.fixture.ts";
import { NODE_PLANS, ownedNode, platformVerifier, type NodePlan } from "./market-node.ts";

test("the platform's node enrols with the token that the server left in its folder, and one without is named", async () => {
  const folder = await mkdtemp(join(tmpdir(), "cyxwiz-server-"));
  const node = platformVerifier(folder);
  await expect(node.token()).rejects.toMatchObject({ code: "cli/file-unreadable" });
  await writeFile(join(folder, "platform-token"), "cyx_platform\n");
  expect(await node.token()).toBe("cyx_platform");
  await rm(folder, { recursive: true });
});

test("an owner's node enrols with the owner's account", async () => {
  const user = {
    id: "9f0e1a7c-0a56-4a53-8f4a-1f2b3c4d5e6f",
    email: "olivia@market.local",
    username: "olivia",
    name: "olivia",
    role: "user",
    wallet_address: null,
    created_at: "2026-01-01T10:00:00Z",
  };
  await using market = await startTestMarket({
    "POST /api/auth/login": { json: { token: "hers", token_expires_at: "2026-01-02T10:00:00Z", user } },
  });
  const owner = { email: "olivia@market.local", password: "a password of hers" };
  expect(await ownedNode(NODE_PLANS[0] as NodePlan, owner, market.url).token()).toBe("hers");
  expect(JSON.parse(market.requests[0]?.body ?? "")).toEqual(owner);
});
