/**
 * What the command line remembers between two calls: which market, which account, its token. One file, readable by its
 * owner only. No password is ever stored.
 */
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";

export interface SavedSession {
  readonly url: string;
  readonly token: string;
  readonly user: { readonly id: string; readonly email: string; readonly username: string };
}

const savedSessionSchema: z.ZodType<SavedSession> = z.object({
  url: z.url(),
  token: z.string(),
  user: z.object({ id: z.string(), email: z.string(), username: z.string() }),
});

export class SessionStore {
  readonly #path: string;

  constructor(home: string) {
    this.#path = join(home, "session.json");
  }

  async load(): Promise<SavedSession | undefined> {
    let text: string;
    try {
      text = await readFile(this.#path, "utf8");
    } catch {
      return undefined;
    }
    const parsed = savedSessionSchema.safeParse(parseJson(text));
    return parsed.success ? parsed.data : undefined;
  }

  async save(session: SavedSession): Promise<void> {
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
    const temporary = `${this.#path}.new`;
    await writeFile(temporary, JSON.stringify(session, undefined, 2), { mode: 0o600 });
    await rename(temporary, this.#path);
  }

  async clear(): Promise<void> {
    await rm(this.#path, { force: true });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
