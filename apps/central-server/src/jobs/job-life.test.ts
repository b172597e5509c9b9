import { describe, expect, it } from "vitest";
import { parseAmount } from "@cyxwiz/primitives";
import { TestMarket } from "../assignments/market.fixture.ts";

describe("the life of a job", () => {
  it("is quoted, paid in, trained, settled: owner, platform and refund add up to the quote", async () => {
    await using market = await TestMarket.create();
    const [user, owner] = [await market.user(), await market.user(0n)];
    const machine = await market.register(owner, { name: "alpha" });
    const node = await market.connect(machine);
    const before = await market.balance(user);

    const { jobId, amount } = await market.submit(user);
    const quoted = parseAmount(amount);
    expect(await market.job(user, jobId)).toMatchObject({
      state: "ESCROWED",
      payment: { escrow_state: "LOCKED", quoted: amount, owner: "0" },
      waiting_because: "1 unit(s) fit; the job is placed at its turn",
    });
    expect(await market.balance(user)).toBe(before - quoted);

    await market.schedule();
    const task = await node.task();
    expect(task).toMatchObject({
      jobId,
      unitId: machine.unitIds[0],
      totalSteps: 100n,
      threads: 4,
      lowering: expect.any(String),
    });
    expect(await market.job(user, jobId)).toMatchObject({
      state: "ASSIGNED",
      node: { name: "alpha" },
      placement: { runners_up: [] },
    });

    expect(await node.accept(task)).toMatchObject({ accepted: true });
    expect(await node.progress(task, 10n, 0.5)).toMatchObject({ accepted: true });
    expect(await market.job(user, jobId)).toMatchObject({ state: "RUNNING", step: 10, progress: 0.1, loss: 0.5 });
    for (const step of [25n, 50n, 75n]) expect(await node.checkpoint(task, step)).toMatchObject({ accepted: true });
    expect(await node.result(task)).toMatchObject({ accepted: true });
    await market.settle();

    const done = await market.job(user, jobId);
    const platform = quoted / 10n;
    expect(done).toMatchObject({
      state: "COMPLETED",
      progress: 1,
      verification: { verdict: "unverified" },
      metrics: { accuracy: 0.9 },
      payment: {
        escrow_state: "SETTLED",
        refunded: "0",
        shares: [{ node_id: machine.nodeId, unit_id: machine.unitIds[0] }],
      },
    });
    expect(parseAmount(done.payment.owner) + parseAmount(done.payment.platform)).toBe(quoted);
    expect(await market.balance(owner)).toBe(quoted - platform);
    expect(await market.balance(user)).toBe(before - quoted);
    expect([...new Set(done.events.map((event) => event.kind))]).toEqual([
      "submitted",
      "escrow-locked",
      "assigned",
      "started",
      "checkpoint",
      "end-committed",
      "result-accepted",
    ]);
    const model = await market.send("GET", `/api/jobs/${jobId}/model?format=onnx`, { token: user.token });
    expect(model.text).toContain("an ONNX model");
    const devices = await market.send("GET", `/api/users/${owner.id}/devices`, { token: owner.token });
    expect(devices.body).toMatchObject({ summary: { total_earnings_exact: done.payment.owner } });
  });
});
