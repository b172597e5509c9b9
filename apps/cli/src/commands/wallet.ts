import { randomUUID } from "node:crypto";
import { formatTable } from "../terminal/table.ts";
import { report, requireSession, type CommandContext } from "./command-context.ts";

const SIMULATED = "These are test tokens on the market's own ledger: simulated money.";

export async function balance(context: CommandContext): Promise<void> {
  const { client } = await requireSession(context, "cyxwiz wallet balance");
  const wallet = await client.wallet();
  report(context, wallet, () =>
    [
      `Balance    ${wallet.balance} CYXWIZ`,
      `In escrow  ${wallet.locked} CYXWIZ`,
      `Earned     ${wallet.earned} CYXWIZ`,
      ...(wallet.simulated ? [SIMULATED] : []),
    ].join("\n"),
  );
}

export async function history(context: CommandContext, options: { limit: number }): Promise<void> {
  const { client } = await requireSession(context, "cyxwiz wallet history");
  const page = await client.walletHistory(options.limit);
  report(context, page, () =>
    page.entries.length === 0
      ? "Nothing yet. Fill your wallet from the test faucet: cyxwiz wallet faucet 100"
      : formatTable(
          [
            { title: "when", value: (entry) => entry.at.slice(0, 19).replace("T", " ") },
            { title: "what", value: (entry) => entry.kind },
            { title: "amount", align: "right", value: (entry) => entry.amount },
            { title: "balance", align: "right", value: (entry) => entry.balance },
            { title: "", value: (entry) => entry.memo },
          ],
          page.entries,
        ),
  );
}

export async function faucet(context: CommandContext, amount: string): Promise<void> {
  const { client } = await requireSession(context, "cyxwiz wallet faucet");
  const wallet = await client.faucet(amount, randomUUID());
  report(
    context,
    wallet,
    () => `Added ${amount} CYXWIZ; the balance is ${wallet.balance}. ${wallet.simulated ? SIMULATED : ""}`,
  );
}
