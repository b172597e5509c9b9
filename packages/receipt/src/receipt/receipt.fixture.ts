/** A market with one key, and receipts that it signed: each test changes one thing in a true one. */
import { createHash, createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import {
  aChange,
  aCheckpoint,
  aCid,
  aResult,
  aRun,
  aSegment,
  aStop,
  aUuid,
  hashOf,
  sha256,
} from "../chain/chain.fixture.ts";
import type { ChainEntry } from "../chain/chain-entry.ts";
import { chainRoot } from "../chain/chain.ts";
import { changeText } from "../chain/change-text.ts";
import type { ReceiptCheck } from "./check-receipt.ts";
import { signReceipt, type ReceiptSigner } from "./sign-receipt.ts";
import type { ReceiptBody, ReceiptKey, ReceiptRerun, SignedReceipt } from "./receipt.ts";

/** A fixed key of a fixture's own: the 32 bytes are the SHA-256 of a name, after the PKCS #8 header of Ed25519. */
function keyPair(name: string, network: string): { readonly key: ReceiptKey; readonly signer: ReceiptSigner } {
  const header = Buffer.from("302e020100300506032b657004220420", "hex");
  const der = Buffer.concat([header, createHash("sha256").update(name).digest()]);
  const secret = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  const known = createPublicKey(secret);
  const spki = known.export({ type: "spki", format: "der" });
  const key_id = createHash("sha256").update(spki).digest("hex").slice(0, 16);
  return {
    key: { key_id, network, algorithm: "ed25519", public_key: String(known.export({ type: "spki", format: "pem" })) },
    signer: { keyId: key_id, sign: (text) => sign(null, Buffer.from(text), secret).toString("base64url") },
  };
}

const NETWORK = "ledger-3f9a0c21";
export const market = keyPair("market", NETWORK);
export const formerMarket = keyPair("former key of the market", NETWORK);
export const stranger = keyPair("stranger", "ledger-00000000");

export const check: ReceiptCheck = {
  keys: [market.key],
  network: NETWORK,
  sha256,
  verify: (pem, text, signature) => verify(null, Buffer.from(text), pem, Buffer.from(signature, "base64url")),
};

const signedChange = (entry: ReturnType<typeof aChange>, signer: ReceiptSigner): ChainEntry => ({
  ...entry,
  signature: signer.sign(changeText(aUuid(1), entry)),
});

/** Steps 1 to 60 of 100 on two nodes, with a change, and stopped by the user. */
export const stoppedChain = (signer: ReceiptSigner = market.signer): readonly ChainEntry[] => [
  aRun(),
  aSegment(0),
  aCheckpoint(25),
  signedChange(aChange(30), signer),
  aCheckpoint(50),
  aSegment(50, 11),
  signedChange(aStop(60), signer),
  aCheckpoint(60),
  aResult(60),
];

export const aRerun = (changed: Partial<ReceiptRerun> = {}): ReceiptRerun => ({
  node_id: aUuid(20),
  is_platform: false,
  lowering: "cyxwiz-lowering-1",
  build: "ort-node 1.0 cpu",
  hardware_class: "x64-avx2",
  outcome: "agrees",
  distance: null,
  paid: "0.12",
  ...changed,
});

/** 10.000000001 CYXWIZ for 100 steps, 60 of them due. */
export function aBody(changed: Partial<ReceiptBody> = {}): ReceiptBody {
  const chain = changed.chain ?? stoppedChain();
  return {
    format: "cyxwiz-receipt",
    version: 1,
    network: NETWORK,
    job_id: aUuid(1),
    name: "MNIST “digits” 🙂",
    issued_at: "2026-01-31T12:00:00.000Z",
    outcome: "completed",
    chain,
    root: chainRoot(chain, sha256),
    result: {
      onnx: { cid: aCid(1), sha256: hashOf("onnx"), size_bytes: 5_000 },
      weights: { cid: aCid(2), sha256: hashOf("weights"), size_bytes: 4_000 },
    },
    verification: { verdict: "verified", interval: { from: 25, to: 50 }, reruns: [aRerun()], paid: "0.12" },
    payment: {
      rail: "ledger",
      simulated: true,
      quoted: "10.000000001",
      due: "6",
      owners: [
        { node_id: aUuid(10), unit_id: "unit_gpu0_xyz123", amount: "4.5" },
        { node_id: aUuid(11), unit_id: "unit_cpu0_abc789", amount: "0.9" },
      ],
      platform: "0.6",
      refunded: "4.000000001",
    },
    ...changed,
  };
}

/** A receipt as the market signs it, also when it is not true. */
export const signed = (changed: Partial<ReceiptBody> = {}, signer = market.signer): SignedReceipt =>
  signReceipt(aBody(changed), signer);
