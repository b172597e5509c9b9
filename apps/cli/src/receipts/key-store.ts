/**
 * The markets' keys that this user trusts, in one file beside the session: receipts are checked with them, offline.
 *
 * A market is remembered by the name of its network. A network that is known keeps its keys: a market that gives itself
 * that name without any of them is refused until the user says otherwise. A new key joins the known ones when it is
 * published beside one of them.
 */
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { AppError, errorMessage } from "@cyxwiz/primitives";
import type { ReceiptKeys } from "@cyxwiz/protocol/rest";
import type { ReceiptKey } from "@cyxwiz/receipt";
import { z } from "zod";
import { CLI_ERRORS } from "../errors.ts";

const savedKeysSchema = z.object({
  keys: z.array(
    z.object({ key_id: z.string(), network: z.string(), algorithm: z.literal("ed25519"), public_key: z.string() }),
  ),
});

export class KeyStore {
  readonly path: string;

  constructor(home: string) {
    this.path = join(home, "keys.json");
  }

  /** @throws AppError `cli/keys-unreadable` when the file is there and is not ours. */
  async load(): Promise<readonly ReceiptKey[]> {
    let text: string;
    try {
      text = await readFile(this.path, "utf8");
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
      throw this.#unreadable(errorMessage(error), error);
    }
    try {
      return savedKeysSchema.parse(JSON.parse(text)).keys;
    } catch (error) {
      throw this.#unreadable("it is damaged", error);
    }
  }

  /**
   * Adds what a market publishes (see `checkKeys`), and gives the keys that are new.
   * @throws AppError `cli/key-conflict` when the network is known by other keys alone, unless `replace`.
   */
  async remember(
    published: ReceiptKeys,
    source: string,
    options: { readonly replace?: boolean } = {},
  ): Promise<readonly ReceiptKey[]> {
    const { network, keys } = published;
    const saved = await this.load();
    const known = saved.filter((key) => key.network === network);
    const isKnown = (key: ReceiptKey): boolean => known.some((other) => other.key_id === key.key_id);
    if (known.length > 0 && !keys.some(isKnown) && !options.replace) {
      const ids = (list: readonly ReceiptKey[]): string => list.map((key) => key.key_id).join(", ");
      throw new AppError(CLI_ERRORS.KEY_CONFLICT, { source, network, known: ids(known), given: ids(keys) });
    }
    const added = keys.filter((key) => !isKnown(key));
    if (added.length === 0) return [];
    const kept = options.replace ? saved.filter((key) => key.network !== network) : saved;
    await this.#save([...kept, ...(options.replace ? keys : added)]);
    return added;
  }

  async #save(keys: readonly ReceiptKey[]): Promise<void> {
    await mkdir(dirname(this.path), { recursive: true, mode: 0o700 });
    const temporary = `${this.path}.new`;
    await writeFile(temporary, JSON.stringify({ keys }, undefined, 2), { mode: 0o600 });
    await rename(temporary, this.path);
  }

  #unreadable(reason: string, cause: unknown): AppError {
    return new AppError(CLI_ERRORS.KEYS_UNREADABLE, { path: this.path, reason }, { cause });
  }
}
