import { fileURLToPath } from "node:url";
import { spawn } from "node:child_process";
import type { CommandContext } from "./command-context.ts";

export interface NodeStartOptions {
  readonly config?: string;
}

/** Runs a Server Node on this computer for the signed-in account, in the foreground. */
export async function startNode(context: CommandContext, options: NodeStartOptions): Promise<number> {
  const session = await context.sessions.load();
  const program = fileURLToPath(new URL("../../../server-node/src/main.ts", import.meta.url));
  const args = [program, "--daemon", ...(options.config ? ["--config", options.config] : [])];
  const env = {
    ...context.env,
    ...(session && { CYXWIZ_TOKEN: context.env["CYXWIZ_TOKEN"] ?? session.token }),
    ...(session && { CYXWIZ_API_URL: context.env["CYXWIZ_API_URL"] ?? session.url }),
  };
  const child = spawn(process.execPath, args, { stdio: "inherit", env });
  context.signal.addEventListener("abort", () => child.kill("SIGTERM"), { once: true });
  const { promise, resolve } = Promise.withResolvers<number>();
  child.once("exit", (code) => resolve(code ?? 1));
  return await promise;
}
