/**
 * The platform's own account: the owner of the nodes that the operator runs to check jobs.
 *
 * Nobody can sign in to it: it has no password. Whoever can read the server's data folder enrols a node with the token
 * that every start leaves there, as with any owner's token.
 */
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { UserId } from "@cyxwiz/primitives";
import type { Clock } from "@cyxwiz/platform";
import type { Database } from "../database/open-database.ts";
import type { TokenIssuer } from "./principal.ts";

/** The same in every market, so that it is there before anybody registers. */
export const PLATFORM_USER_ID = "00000000-0000-4000-8000-000000000001" as UserId;
const EMAIL = "platform@cyxwiz.invalid";
/** No hash of any password looks like this. */
const NO_PASSWORD = "(none)";

export async function ensurePlatformAccount(db: Database, clock: Clock): Promise<void> {
  await db
    .insertInto("users")
    .values({
      id: PLATFORM_USER_ID,
      email: EMAIL,
      username: "platform",
      name: "CyxWiz platform",
      password_hash: NO_PASSWORD,
      role: "platform",
      wallet_address: null,
      created_at: new Date(clock.now()),
    })
    .onConflict((conflict) => conflict.column("id").doNothing())
    .execute();
}

/** Leaves a token that enrols the platform's nodes in `<folder>/platform-token`, readable by the server's user alone. */
export async function writePlatformToken(folder: string, tokens: TokenIssuer): Promise<void> {
  const file = join(folder, "platform-token");
  const { token } = await tokens.issueUserToken({ userId: PLATFORM_USER_ID, email: EMAIL, role: "user" });
  await writeFile(file, token, { mode: 0o600 });
  // An earlier file keeps its mode when it is written again.
  await chmod(file, 0o600);
}
