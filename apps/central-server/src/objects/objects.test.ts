import { describe, expect, it } from "vitest";
import { TestMarket } from "../assignments/market.fixture.ts";
import { requestedRange } from "./byte-range.ts";

describe("objects", () => {
  it("come back as they were put, whole or in part", async () => {
    await using market = await TestMarket.create();
    const user = await market.user();
    const { cid, sizeBytes } = await market.upload(user.token, "0123456789");
    expect(sizeBytes).toBe(10);
    const get = async (range?: string): Promise<unknown> =>
      market.send("GET", `/api/objects/${cid}`, { token: user.token, ...(range && { headers: { range } }) });
    expect(await get()).toMatchObject({ status: 200, text: "0123456789", headers: { "accept-ranges": "bytes" } });
    expect(await get("bytes=2-4")).toMatchObject({
      status: 206,
      text: "234",
      headers: { "content-range": "bytes 2-4/10" },
    });
    expect(await get("bytes=-3")).toMatchObject({ status: 206, text: "789" });
    expect(await get("bytes=10-")).toMatchObject({ status: 416, headers: { "content-range": "bytes */10" } });
    const head = await market.send("HEAD", `/api/objects/${cid}`, { token: user.token });
    expect(head).toMatchObject({ status: 200, text: "", headers: { "content-length": "10" } });
  });

  it("are read by their uploader and by nobody else", async () => {
    await using market = await TestMarket.create();
    const [user, other] = [await market.user(), await market.user()];
    const { cid } = await market.upload(user.token, "mine");
    const answer = await market.send("GET", `/api/objects/${cid}`, { token: other.token });
    expect(answer).toMatchObject({ status: 404, body: { details: { reason: "central/object-not-found" } } });
  });

  it("are read by a node while it has a live assignment of a job that uses them", async () => {
    await using market = await TestMarket.create();
    const [user, owner] = [await market.user(), await market.user(0n)];
    const machine = await market.register(owner);
    const node = await market.connect(machine);
    const { cid } = await market.upload(user.token, "a dataset");
    const read = async (): Promise<number> =>
      (await market.send("GET", `/api/objects/${cid}`, { token: machine.apiKey })).status;
    expect(await read()).toBe(404);
    await market.submit(user);
    await market.schedule();
    const task = await node.task();
    expect(await read()).toBe(200);
    await node.result(task);
    expect(await read()).toBe(404);
  });

  it("have bytes: a request without a body is refused", async () => {
    await using market = await TestMarket.create();
    const user = await market.user();
    const answer = await market.send("POST", "/api/objects", { token: user.token });
    expect(answer).toMatchObject({ status: 400, body: { details: { reason: "central/object-body-missing" } } });
  });
});

describe("a Range header", () => {
  it.each([
    [undefined, { kind: "whole" }],
    ["bytes=0-", { kind: "part", range: { start: 0, end: 10 } }],
    ["bytes=3-99", { kind: "part", range: { start: 3, end: 10 } }],
    ["bytes=-99", { kind: "part", range: { start: 0, end: 10 } }],
    ["bytes=5-4", { kind: "whole" }],
    ["bytes=0-1,3-4", { kind: "whole" }],
    ["items=0-1", { kind: "whole" }],
    ["bytes=-0", { kind: "unsatisfiable" }],
    ["bytes=10-12", { kind: "unsatisfiable" }],
  ])("%s of 10 bytes", (header, expected) => {
    expect(requestedRange(header, 10)).toEqual(expected);
  });
});
