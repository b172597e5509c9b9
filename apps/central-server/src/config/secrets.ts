/**
 * Secrets that the server makes for itself at its first start and keeps in its data folder, readable by it alone.
 *
 * `jwt-secret` only where the configuration names none, which it may only do with an embedded database; `signing-key.pem`
 * (Ed25519, PKCS #8) signs quotes. Two servers that start at once get the same files: the first to create one wins.
 */
import { createPrivateKey, generateKeyPairSync, randomBytes, type KeyObject } from "node:crypto";
import { chmod, link, mkdir, readFile, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CentralServerConfig } from "./config.ts";

export interface ServerSecrets {
  /** Signs user and node tokens (HS256). */
  readonly jwtSecret: Uint8Array;
  readonly signingKey: KeyObject;
}

export async function openSecrets(config: CentralServerConfig): Promise<ServerSecrets> {
  const folder = config.server.dataFolder;
  // 0711: an embedded database, which may run as another user, lies inside.
  await mkdir(folder, { recursive: true, mode: 0o711 });
  const secret =
    config.jwt.secret ?? (await kept(join(folder, "jwt-secret"), () => randomBytes(48).toString("base64url")));
  const pem = await kept(join(folder, "signing-key.pem"), newSigningKey);
  return { jwtSecret: new TextEncoder().encode(secret), signingKey: createPrivateKey(pem) };
}

function newSigningKey(): string {
  return generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

/** The file's content, made by `create` when it is not there yet. The name appears only with the whole content. */
async function kept(file: string, create: () => string): Promise<string> {
  const known = await readFile(file, "utf8").catch(() => undefined);
  if (known !== undefined) {
    await chmod(file, 0o600);
    return known;
  }
  const partial = `${file}-${randomBytes(6).toString("hex")}`;
  await writeFile(partial, create(), { mode: 0o600, flush: true });
  // Fails when another process was faster; then its content is the one to use.
  await link(partial, file).catch(() => undefined);
  await unlink(partial);
  return readFile(file, "utf8");
}
