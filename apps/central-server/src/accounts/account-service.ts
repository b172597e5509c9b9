/** Registering and logging in. Passwords are Argon2id; an account is found by e-mail or username, whatever the case. */
import { AppError, type UserId } from "@cyxwiz/primitives";
import type { Clock } from "@cyxwiz/platform";
import type { LoginRequest, RegisterRequest, Session, User } from "@cyxwiz/protocol/rest";
import { sql, type Selectable } from "kysely";
import type { Database } from "../database/open-database.ts";
import type { UsersTable } from "../database/schema.ts";
import { violatedUnique } from "../database/transaction.ts";
import { CENTRAL_ERRORS } from "../errors.ts";
import type { LoginThrottle } from "./login-throttle.ts";
import type { PasswordHasher } from "./password-hash.ts";
import type { TokenIssuer } from "./principal.ts";

export interface AccountServiceOptions {
  readonly db: Database;
  readonly clock: Clock;
  readonly tokens: TokenIssuer;
  readonly hasher: PasswordHasher;
  readonly throttle: LoginThrottle;
  readonly newUserId: () => UserId;
}

export class AccountService {
  readonly #options: AccountServiceOptions;

  constructor(options: AccountServiceOptions) {
    this.#options = options;
  }

  /**
   * Makes an account and logs it in. The username is the e-mail's local part where none is given and it is free.
   *
   * @throws AppError `central/account-taken` with the field; `central/login-capacity-exceeded`.
   */
  async register(request: RegisterRequest): Promise<Session> {
    const { db, clock, hasher, newUserId } = this.#options;
    const id = newUserId();
    const username = request.username ?? (await this.#freeUsername(request.email, id));
    const row: Selectable<UsersTable> = {
      id,
      email: request.email,
      username,
      name: request.name ?? username,
      password_hash: await hasher.hash(request.password),
      role: "user",
      wallet_address: null,
      created_at: new Date(clock.now()),
    };
    try {
      await db.insertInto("users").values(row).execute();
    } catch (cause) {
      const index = violatedUnique(cause);
      if (index === undefined) throw cause;
      const field = index === "users_email" ? "email" : "username";
      throw new AppError(CENTRAL_ERRORS.ACCOUNT_TAKEN, { field, value: row[field] }, { cause });
    }
    return this.#session(row);
  }

  /**
   * @throws AppError `central/credentials-refused` whatever was wrong; `central/login-rate-exceeded` after failures;
   *   `central/login-capacity-exceeded`.
   */
  async login(request: LoginRequest): Promise<Session> {
    const { db, hasher, throttle } = this.#options;
    const column = request.email === undefined ? "username" : "email";
    const name = (request.email ?? request.username ?? "").toLowerCase();
    const account = `${column}:${name}`;
    throttle.check(account);
    const row = await db
      .selectFrom("users")
      .selectAll()
      .where(sql`lower(${sql.ref(column)})`, "=", name)
      .executeTakeFirst();
    const isRight = await hasher.verify(request.password, row?.password_hash);
    if (row === undefined || !isRight) {
      throttle.failed(account);
      throw new AppError(CENTRAL_ERRORS.CREDENTIALS_REFUSED, {});
    }
    throttle.succeeded(account);
    return this.#session(row);
  }

  /** The account of a token. @throws AppError `central/unauthenticated` when it is gone. */
  async user(userId: UserId): Promise<User> {
    const row = await this.#options.db.selectFrom("users").selectAll().where("id", "=", userId).executeTakeFirst();
    if (row !== undefined) return toUser(row);
    throw new AppError(CENTRAL_ERRORS.UNAUTHENTICATED, {
      why: "of an account that is not here",
      fix: "register first",
    });
  }

  async #session(row: Selectable<UsersTable>): Promise<Session> {
    const user = { userId: row.id as UserId, email: row.email, role: roleOf(row) };
    const { token, expiresAt } = await this.#options.tokens.issueUserToken(user);
    return { token, token_expires_at: expiresAt.toISOString(), user: toUser(row) };
  }

  async #freeUsername(email: string, id: UserId): Promise<string> {
    const local = (email.split("@")[0] ?? "")
      .replaceAll(/[^A-Za-z0-9_-]/g, "")
      .replace(/^[_-]+/, "")
      .slice(0, 23);
    const wanted = local.length >= 3 ? local : `user${local}`;
    const taken = await this.#options.db
      .selectFrom("users")
      .select("id")
      .where(sql`lower(username)`, "=", wanted.toLowerCase())
      .executeTakeFirst();
    return taken === undefined ? wanted : `${wanted}-${id.slice(0, 8)}`;
  }
}

function toUser(row: Selectable<UsersTable>): User {
  return {
    id: row.id,
    email: row.email,
    username: row.username,
    name: row.name,
    role: roleOf(row),
    wallet_address: row.wallet_address,
    created_at: row.created_at.toISOString(),
  };
}

/** The platform's own account has no right beyond a user's: what it owns checks jobs, and that is all. */
function roleOf({ role }: Pick<Selectable<UsersTable>, "role">): "user" | "admin" {
  return role === "admin" ? "admin" : "user";
}
