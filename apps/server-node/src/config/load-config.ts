import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { AppError, errorMessage } from "@cyxwiz/primitives";
import { parse } from "smol-toml";
import { NODE_ERRORS } from "../errors.ts";
import { CONFIG_BYTES } from "../limits.ts";
import { type NodeConfig, parseNodeConfig } from "./node-config.ts";

/** Where the file is looked for when none is named. */
export function defaultConfigPath(): string {
  return join(homedir(), ".cyxwiz", "server-node", "config.toml");
}

/**
 * Reads the TOML file and the environment. Without `file`, the default one is read if it is there.
 *
 * @throws AppError `node/config-unreadable`, `node/config-invalid`.
 */
export async function loadConfig(options: {
  readonly file?: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}): Promise<NodeConfig> {
  const path = options.file ?? defaultConfigPath();
  const text = await readText(path, options.file !== undefined);
  const source = text === undefined ? "defaults and environment" : path;
  return parseNodeConfig(text === undefined ? {} : parseToml(path, text), { source, env: options.env });
}

/** The owner's token from the file that holds it, or the one given directly. @throws AppError `node/config-unreadable`. */
export async function readOwnerToken(account: NodeConfig["account"]): Promise<string | undefined> {
  if (account.token !== undefined) return account.token;
  if (account.tokenFile === undefined) return undefined;
  return ((await readText(account.tokenFile, true)) ?? "").trim() || undefined;
}

async function readText(path: string, mustExist: boolean): Promise<string | undefined> {
  try {
    const text = await readFile(path, "utf8");
    if (text.length <= CONFIG_BYTES) return text;
    throw new AppError(NODE_ERRORS.CONFIG_UNREADABLE, {
      file: path,
      problem: `it is larger than ${CONFIG_BYTES} bytes`,
    });
  } catch (error) {
    if (!mustExist && error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    if (error instanceof AppError) throw error;
    throw new AppError(NODE_ERRORS.CONFIG_UNREADABLE, { file: path, problem: errorMessage(error) }, { cause: error });
  }
}

function parseToml(path: string, text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    throw new AppError(NODE_ERRORS.CONFIG_UNREADABLE, { file: path, problem: errorMessage(error) }, { cause: error });
  }
}
