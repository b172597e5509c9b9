/**
 * Argon2id password hashes in the PHC string form, with a bound on how many are computed at once.
 *
 * The work is done in Node's thread pool. Without the bound a flood of logins would take every core and all memory;
 * with it the flood waits, and what does not fit the queue is refused while the rest of the server goes on.
 * @see RFC 9106; OWASP Password Storage Cheat Sheet.
 */
import { argon2, randomBytes, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import { AppError } from "@cyxwiz/primitives";
import { CENTRAL_ERRORS } from "../errors.ts";
import { ARGON2_AT_ONCE, ARGON2_MEMORY_KIB, ARGON2_PASSES, ARGON2_WAITING } from "../limits.ts";

const deriveKey = promisify(argon2);
const SALT_BYTES = 16;
const HASH_BYTES = 32;
const PHC = /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,2}),p=(\d)\$([A-Za-z0-9+/]{16,64})\$([A-Za-z0-9+/]{22,128})$/;

interface Costs {
  readonly memory: number;
  readonly passes: number;
  readonly parallelism: number;
}

const COSTS: Costs = { memory: ARGON2_MEMORY_KIB, passes: ARGON2_PASSES, parallelism: 1 };

export class PasswordHasher {
  #running = 0;
  readonly #waiting: (() => void)[] = [];
  #nobody: Promise<string> | undefined;

  /** A new hash with its own salt. @throws AppError `central/login-capacity-exceeded`. */
  async hash(password: string): Promise<string> {
    const salt = randomBytes(SALT_BYTES);
    const hash = await this.#inTurn(() => derive(password, salt, COSTS));
    return `$argon2id$v=19$m=${COSTS.memory},t=${COSTS.passes},p=${COSTS.parallelism}$${base64(salt)}$${base64(hash)}`;
  }

  /**
   * Whether the password made the hash. Without a hash (no such account) the same work is done and the answer is no,
   * so that the time tells nothing.
   *
   * @throws AppError `central/login-capacity-exceeded`.
   */
  async verify(password: string, encoded: string | undefined): Promise<boolean> {
    // Any password but the one it was made from; nobody knows that one.
    this.#nobody ??= this.hash(randomBytes(SALT_BYTES).toString("hex"));
    const match = PHC.exec(encoded ?? (await this.#nobody));
    if (!match) return false;
    const [, memory, passes, parallelism, salt = "", expected = ""] = match;
    const costs = { memory: Number(memory), passes: Number(passes), parallelism: Number(parallelism) };
    const hash = await this.#inTurn(() => derive(password, Buffer.from(salt, "base64"), costs));
    const wanted = Buffer.from(expected, "base64");
    return encoded !== undefined && wanted.length === hash.length && timingSafeEqual(wanted, hash);
  }

  async #inTurn<T>(run: () => Promise<T>): Promise<T> {
    if (this.#running >= ARGON2_AT_ONCE) {
      if (this.#waiting.length >= ARGON2_WAITING) {
        throw new AppError(CENTRAL_ERRORS.LOGIN_CAPACITY_EXCEEDED, { waiting: this.#waiting.length });
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#running += 1;
    try {
      return await run();
    } finally {
      this.#running -= 1;
      this.#waiting.shift()?.();
    }
  }
}

async function derive(password: string, salt: Uint8Array, costs: Costs): Promise<Buffer> {
  return deriveKey("argon2id", { message: password, nonce: salt, tagLength: HASH_BYTES, ...costs });
}

/** PHC strings use base64 without padding. */
function base64(bytes: Buffer): string {
  return bytes.toString("base64").replaceAll("=", "");
}
