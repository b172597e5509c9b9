import type { Terminal } from "../terminal/terminal.ts";
import type { LocalMarket } from "./local-market.ts";

/**
 * Waits for Ctrl-C. A node that ends meanwhile is said; the market goes on without it.
 * @throws AppError `cli/program-lost` when the Central Server ends by itself.
 */
export async function untilStopped(market: LocalMarket, terminal: Terminal, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<string>();
  signal.addEventListener("abort", () => resolve("Stopping …"), { once: true });
  const onNodeLost = (reason: string): void => {
    if (!signal.aborted) terminal.say(`${reason}\nThe market goes on without this node until its next start.`);
  };
  terminal.say(await Promise.race([promise, market.lost(onNodeLost)]));
}
