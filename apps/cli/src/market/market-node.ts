/** The nodes of a market on one computer: what their owners ask, and how each gets the token that it enrols with. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError, errorMessage } from "@cyxwiz/primitives";
import { MarketClient } from "../client/market-client.ts";
import { CLI_ERRORS } from "../errors.ts";

/** What the three owners ask and share. Cores are a share of the computer's, at least one. */
export interface NodePlan {
  readonly name: string;
  readonly owner: string;
  readonly coreShare: number;
  readonly pricePerHour: string;
}

export const NODE_PLANS: readonly NodePlan[] = [
  { name: "node-alpha", owner: "olivia", coreShare: 1, pricePerHour: "0.06" },
  { name: "node-beta", owner: "boris", coreShare: 0.5, pricePerHour: "0.05" },
  { name: "node-gamma", owner: "grace", coreShare: 1, pricePerHour: "0.12" },
];

/** A node of a running market. */
export interface MarketNode extends Omit<NodePlan, "owner"> {
  token(): Promise<string>;
}

export interface OwnerAccount {
  readonly email: string;
  readonly password: string;
}

/** A node that enrols with its owner's account. */
export function ownedNode(
  { name, coreShare, pricePerHour }: NodePlan,
  owner: OwnerAccount,
  restUrl: string,
): MarketNode {
  return { name, coreShare, pricePerHour, token: async () => (await new MarketClient(restUrl).login(owner)).token };
}

/**
 * The platform's own node: it runs steps of finished jobs again, and the Central Server gives it no training work. The
 * server writes its token into its data folder at every start, before it says that it is ready.
 */
export function platformVerifier(serverDataDir: string): MarketNode {
  return {
    name: "platform-verifier",
    coreShare: 1,
    pricePerHour: "0.06",
    token: () => readToken(join(serverDataDir, "platform-token")),
  };
}

/** @throws AppError `cli/file-unreadable`. */
async function readToken(path: string): Promise<string> {
  try {
    return (await readFile(path, "utf8")).trim();
  } catch (error) {
    throw new AppError(CLI_ERRORS.FILE_UNREADABLE, { path, reason: errorMessage(error) }, { cause: error });
  }
}
