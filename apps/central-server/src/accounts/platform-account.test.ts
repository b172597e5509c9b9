import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VirtualClock } from "@cyxwiz/platform";
import { describe, expect, it } from "vitest";
import { createTestRestApp } from "../rest/rest-app.fixture.ts";
import { ScriptedMarket } from "../verification/scripted-market.fixture.ts";
import { ensurePlatformAccount, PLATFORM_USER_ID, writePlatformToken } from "./platform-account.ts";

describe("the platform's own account", () => {
  it("is made once, and nobody can sign in to it", async () => {
    await using server = await createTestRestApp();
    const clock = new VirtualClock();
    await ensurePlatformAccount(server.db, clock);
    await ensurePlatformAccount(server.db, clock);
    const rows = await server.db.selectFrom("users").select(["id", "email"]).where("role", "=", "platform").execute();
    expect(rows).toMatchObject([{ id: PLATFORM_USER_ID }]);
    for (const name of [{ username: "platform" }, { email: rows[0]?.email }]) {
      for (const password of ["(none)", "platform", "00000000"]) {
        const answer = await server.send("POST", "/api/auth/login", { body: { ...name, password } });
        expect(answer).toMatchObject({ status: 401, body: { details: { reason: "central/credentials-refused" } } });
      }
    }
  });

  it("leaves its token to the server's own user alone, also over a file that others could read", async () => {
    await using world = await ScriptedMarket.create();
    const folder = await mkdtemp(join(tmpdir(), "cyxwiz-platform-"));
    try {
      const file = join(folder, "platform-token");
      await writeFile(file, "an earlier one", { mode: 0o644 });
      await writePlatformToken(folder, world.market.context.tokens);
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      expect(await readFile(file, "utf8")).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("[VFY2] enrols nodes with its token: they train nothing, and may check", async () => {
    await using world = await ScriptedMarket.create();
    const folder = await mkdtemp(join(tmpdir(), "cyxwiz-platform-"));
    try {
      await writePlatformToken(folder, world.market.context.tokens);
      const token = await readFile(join(folder, "platform-token"), "utf8");
      const trainer = await world.hire("trainer");
      const { jobId } = await world.submit();
      await world.dismiss(trainer);
      const platform = await world.hire("the platform's", { owner: { id: PLATFORM_USER_ID, token } });
      await world.market.schedule();
      expect((await world.holder(jobId))?.node.machine.nodeId).toBeUndefined();
      expect(await world.job(jobId)).toMatchObject({ state: "ESCROWED" });

      await world.reconnect(trainer);
      expect((await world.train(jobId)).node).toBe(trainer.node);
      const verifier = await world.verify(jobId);
      expect(verifier.node).toBe(platform.node);
      expect(await world.job(jobId)).toMatchObject({
        state: "COMPLETED",
        verification: { verdict: "verified", reruns: [{ is_platform: true }] },
      });
      expect((await world.receipt(jobId)).verification.reruns).toMatchObject([{ is_platform: true }]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
