import { once } from "node:events";
import { fork } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { z } from "zod";
import { CLI_ERRORS } from "../errors.ts";
import { ChildProgram, type ChildProgramOptions } from "./child-program.ts";

type Ready = { kind: "ready"; port: number };

const readySchema = z.object({ kind: z.literal("ready"), port: z.number() });
const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));

interface Setup extends AsyncDisposable {
  readonly logPath: string;
  options(behaviour: string): ChildProgramOptions<Ready>;
}

async function setup(): Promise<Setup> {
  const folder = await mkdtemp(join(tmpdir(), "cyxwiz-child-"));
  const logPath = join(folder, "logs", "fixture.log");
  return {
    logPath,
    options: (behaviour) => ({
      name: "the fixture",
      program: fixture("program.mjs"),
      args: [behaviour],
      logPath,
      ready: readySchema,
    }),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** The pid is gone once a signal cannot reach it; another process would have to take the same pid in the meantime. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test("a program is ready when it says so in the agreed form, and not before", async () => {
  await using given = await setup();
  await using child = await ChildProgram.start(given.options("ready"));
  expect(child.ready).toEqual({ kind: "ready", port: 4242 });
});

test("a program that ends before it is ready is reported with its exit code and the last lines of its log", async () => {
  await using given = await setup();
  const error = await ChildProgram.start(given.options("ends")).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: CLI_ERRORS.PROGRAM_ENDED.code });
  const { message } = error as Error;
  expect(message).toContain("the fixture ended (exit code 3)");
  expect(message).toContain("log line 20");
  expect(message.split("\n")).not.toContain("log line 5");
});

test("a program that is never ready is ended and reported with what it logged", async () => {
  await using given = await setup();
  const start = ChildProgram.start({ ...given.options("silent"), startTimeoutMs: 2_000 });
  const error = await start.catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: CLI_ERRORS.PROGRAM_SLOW.code, context: { seconds: 2 } });
  expect((error as Error).message).toContain("still working on it");
});

test("a program that does not exist is reported like one that ended", async () => {
  await using given = await setup();
  const start = ChildProgram.start({ ...given.options("ready"), program: "/nowhere/main.ts" });
  await expect(start).rejects.toMatchObject({ code: CLI_ERRORS.PROGRAM_ENDED.code });
  expect(await readFile(given.logPath, "utf8")).toContain("/nowhere/main.ts");
});

test("an aborted start ends the program, and a start after the abort begins nothing", async () => {
  await using given = await setup();
  const controller = new AbortController();
  const start = ChildProgram.start({ ...given.options("silent"), signal: controller.signal });
  controller.abort(new Error("called off"));
  await expect(start).rejects.toThrow("called off");
  await rm(given.logPath);
  const late = ChildProgram.start({ ...given.options("silent"), signal: controller.signal });
  await expect(late).rejects.toThrow("called off");
  await expect(readFile(given.logPath, "utf8")).rejects.toThrow("ENOENT");
});

test("disposing of a program ends it, once and for all", async () => {
  await using given = await setup();
  const child = await ChildProgram.start(given.options("ready"));
  await child[Symbol.asyncDispose]();
  expect(await child.ended).toBe("signal SIGTERM");
  await child[Symbol.asyncDispose]();
});

test("a program that ends by itself later is reported as lost", async () => {
  await using given = await setup();
  await using child = await ChildProgram.start(given.options("ready"));
  const lost = child.lost();
  if (child.pid !== undefined) process.kill(child.pid, "SIGKILL");
  await expect(lost).rejects.toMatchObject({
    code: CLI_ERRORS.PROGRAM_LOST.code,
    context: { program: "the fixture", exit: "signal SIGKILL", log: "still working on it" },
  });
});

test("a program ends when its parent is killed, because its IPC channel closes", async () => {
  await using given = await setup();
  const parent = fork(fixture("parent.mjs"), [given.logPath], { stdio: "ignore" });
  const [{ childPid }] = (await once(parent, "message")) as [{ childPid: number }];
  expect(isAlive(childPid)).toBe(true);
  parent.kill("SIGKILL");
  await once(parent, "exit");
  await expect.poll(() => isAlive(childPid), { timeout: 10_000 }).toBe(false);
});
