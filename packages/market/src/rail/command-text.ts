import { formatAmount } from "@cyxwiz/primitives";
import type { FaucetCommand, LockCommand, RewardCommand, SettleCommand } from "./payment-rail.ts";

/**
 * A command in one line, with everything that makes it this command, and not its key.
 *
 * A rail stores it beside the key: two commands are the same exactly when their lines are, and the line is what the
 * error shows a person. The order of a settlement's owners does not count.
 */
export const describeCommand: {
  faucet(command: FaucetCommand): string;
  lock(command: LockCommand): string;
  settle(command: SettleCommand): string;
  reward(command: RewardCommand): string;
} = {
  faucet: ({ to, amount }) => `faucet ${formatAmount(amount)} to ${to}`,
  lock: ({ escrowId, payer, amount }) => `lock ${formatAmount(amount)} of ${payer} in ${escrowId}`,
  settle: ({ escrowId, owners, platform, refund }) => {
    const shares = owners.map((share) => `${formatAmount(share.amount)} to ${share.owner}`).toSorted();
    const rest = [`${formatAmount(platform)} to platform`, `${formatAmount(refund.amount)} back to ${refund.to}`];
    return `settle ${escrowId}: ${[...shares, ...rest].join(", ")}`;
  },
  reward: ({ to, amount }) => `reward ${formatAmount(amount)} to ${to}`,
};
