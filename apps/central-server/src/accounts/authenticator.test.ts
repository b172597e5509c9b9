import { VirtualClock } from "@cyxwiz/platform";
import { parseNodeId, parseUserId } from "@cyxwiz/primitives";
import { SignJWT } from "jose";
import { expect, test } from "vitest";
import type { Database } from "../database/open-database.ts";
import { BELIEVED_TOKENS } from "../limits.ts";
import { createAuthenticator } from "./authenticator.ts";
import { BelievedTokens } from "./believed-tokens.ts";
import type { Principal } from "./principal.ts";
import { createTokenIssuer } from "./token-issuer.ts";

const OWNER = parseUserId("3f2504e0-4f89-41d3-9a0c-0305e82c3301");
const NODE = parseNodeId("0e0e0e0e-0000-5000-8000-000000000001");
const SECRET = new TextEncoder().encode("a secret of the authenticator's tests");
const FORGED = new TextEncoder().encode("another secret of the right length...");
const PRINCIPAL: Principal = { kind: "node", nodeId: NODE, ownerId: OWNER };

/** An authenticator of tokens alone: it has no database, and asking for one fails the test. */
function setup() {
  const clock = new VirtualClock();
  const { authenticate } = createAuthenticator({ db: {} as Database, secret: SECRET, clock });
  const issue = async (secret = SECRET) =>
    (await createTokenIssuer(secret, clock).issueNodeToken({ nodeId: NODE, ownerId: OWNER })).token;
  return { clock, issue, authenticate: (token: string) => authenticate(`Bearer ${token}`) };
}

test("a token is verified once and then believed", async () => {
  const { authenticate, issue } = setup();
  const token = await issue();
  const first = await authenticate(token);
  expect(first).toEqual(PRINCIPAL);
  expect(await authenticate(token)).toBe(first);
});

test("a token that was believed is refused from the moment it expires", async () => {
  const { authenticate, clock, issue } = setup();
  const token = await issue();
  await authenticate(token);
  await clock.advance(299_999);
  expect(await authenticate(token)).toEqual(PRINCIPAL);
  await clock.advance(1);
  await expect(authenticate(token)).rejects.toThrow("expired");
  await expect(authenticate(token)).rejects.toThrow("expired");
});

test("a token that expires within a second is not believed to that second's end", async () => {
  const { authenticate, clock } = setup();
  const iat = Math.floor(clock.now() / 1_000);
  const claims = { sub: OWNER, iat, exp: iat + 0.5 };
  const token = await new SignJWT(claims).setProtectedHeader({ alg: "HS256" }).sign(SECRET);
  const believed = await authenticate(token);
  await clock.advance(iat * 1_000 + 500 - clock.now());
  expect(await authenticate(token)).not.toBe(believed);
});

test("a wrong signature is never believed, beside the right one or after it was tried before", async () => {
  const { authenticate, issue } = setup();
  const [right, wrong] = [await issue(), await issue(FORGED)];
  expect(wrong.split(".").slice(0, 2)).toEqual(right.split(".").slice(0, 2));
  await expect(authenticate(wrong)).rejects.toThrow("wrong");
  await authenticate(right);
  await expect(authenticate(wrong)).rejects.toThrow("wrong");
  await expect(authenticate(`${right.slice(0, -1)}${right.endsWith("A") ? "B" : "A"}`)).rejects.toThrow("wrong");
  expect(await authenticate(right)).toEqual(PRINCIPAL);
});

test("a signed token that is not one of this server's is refused every time", async () => {
  const { authenticate, clock } = setup();
  const iat = Math.floor(clock.now() / 1_000);
  const claims = { sub: OWNER, iat, exp: iat + 60, iss: "somebody else" };
  const token = await new SignJWT(claims).setProtectedHeader({ alg: "HS256" }).sign(SECRET);
  for (let times = 0; times < 2; times++) {
    await expect(authenticate(token)).rejects.toThrow("not one of this server's");
  }
});

test("believed tokens are bounded: the one noted first is forgotten first", () => {
  const clock = new VirtualClock();
  const believed = new BelievedTokens(clock);
  const expiresAt = clock.now() + 1_000;
  for (let token = 0; token < BELIEVED_TOKENS; token++) believed.note(`token ${token}`, PRINCIPAL, expiresAt);
  believed.note("token 0", PRINCIPAL, expiresAt);
  expect(believed.find("token 1")).toEqual(PRINCIPAL);
  believed.note("one more", PRINCIPAL, expiresAt);
  expect(believed.find("token 1")).toBeUndefined();
  expect(believed.find("token 0")).toEqual(PRINCIPAL);
  expect(believed.find("one more")).toEqual(PRINCIPAL);
});
