import { spawn } from "node:child_process";
import { once } from "node:events";
import { createPublicKey, verify } from "node:crypto";
import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isUuid } from "@cyxwiz/primitives";
import { nodeIdOfPublicKey } from "@cyxwiz/platform";
import { expect, test } from "vitest";
import { tempFolder } from "../../test/temp-folder.ts";
import { NODE_ERRORS } from "../errors.ts";
import { lockDataFolder } from "./data-folder-lock.ts";
import { readEnrolment, writeEnrolment } from "./enrolment.ts";
import { openNodeKey } from "./node-key.ts";

test("[NI1] the key is made once, stays, and is readable by its owner only", async () => {
  await using folder = await tempFolder();
  const [first, second] = await Promise.all([openNodeKey(folder.path), openNodeKey(folder.path)]);
  expect(second.nodeId).toBe(first.nodeId);
  expect(isUuid(first.nodeId)).toBe(true);
  expect(first.nodeId).toBe(nodeIdOfPublicKey(first.publicKey));
  expect((await stat(join(folder.path, "node-key.pem"))).mode & 0o777).toBe(0o600);
});

test("signatures verify with the public key", async () => {
  await using folder = await tempFolder();
  const key = await openNodeKey(folder.path);
  const x = Buffer.from(key.publicKey).toString("base64url");
  const publicKey = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
  expect(verify(null, Buffer.from("text"), publicKey, key.sign("text"))).toBe(true);
  expect(verify(null, Buffer.from("other"), publicKey, key.sign("text"))).toBe(false);
});

test("[NI2] a damaged key stops the start and is not overwritten", async () => {
  await using folder = await tempFolder();
  const file = join(folder.path, "node-key.pem");
  await writeFile(file, "not a key");
  await expect(openNodeKey(folder.path)).rejects.toMatchObject({ code: NODE_ERRORS.IDENTITY_MALFORMED.code });
  expect((await stat(file)).size).toBe("not a key".length);
});

test("the enrolment survives and is readable by its owner only", async () => {
  await using folder = await tempFolder();
  expect(await readEnrolment(folder.path)).toBeUndefined();
  const enrolment = { apiKey: "k", apiUrl: "http://x", offerHash: "h", units: [] };
  await writeEnrolment(folder.path, enrolment);
  expect(await readEnrolment(folder.path)).toEqual(enrolment);
  const file = join(folder.path, "enrolment.json");
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  await writeFile(file, "{");
  await expect(readEnrolment(folder.path)).rejects.toMatchObject({ code: NODE_ERRORS.ENROLMENT_MALFORMED.code });
});

test("[NI3] one data folder is run by one daemon", async () => {
  await using folder = await tempFolder();
  {
    await using _lock = await lockDataFolder(folder.path);
    await expect(lockDataFolder(folder.path)).rejects.toMatchObject({
      code: NODE_ERRORS.DATA_FOLDER_BUSY.code,
      message: expect.stringContaining(`process ${process.pid}`),
    });
  }
  await using _again = await lockDataFolder(folder.path);
});

test("[NI3] a daemon that was killed leaves no lock behind", async () => {
  await using folder = await tempFolder();
  const module = new URL("./data-folder-lock.ts", import.meta.url).href;
  const script = `const { lockDataFolder } = await import(${JSON.stringify(module)});
    await lockDataFolder(${JSON.stringify(folder.path)}); console.log("held"); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  await expect(lockDataFolder(folder.path)).rejects.toMatchObject({ code: NODE_ERRORS.DATA_FOLDER_BUSY.code });
  child.kill("SIGKILL");
  await once(child, "exit");
  await using _lock = await lockDataFolder(folder.path);
});

test("a data folder that cannot be made is named", async () => {
  await using folder = await tempFolder();
  const file = join(folder.path, "file");
  await writeFile(file, "");
  await expect(lockDataFolder(join(file, "inside"))).rejects.toMatchObject({
    code: NODE_ERRORS.DATA_FOLDER_UNUSABLE.code,
  });
});
