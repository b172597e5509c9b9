import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { AppError } from "@cyxwiz/primitives";
import { CLI_ERRORS } from "../errors.ts";

/** The password from CYXWIZ_PASSWORD, or asked for on the terminal without showing it. Never an argument: those are public. */
export async function askPassword(env: NodeJS.ProcessEnv, prompt: string): Promise<string> {
  const given = env["CYXWIZ_PASSWORD"];
  if (given !== undefined) return given;
  if (!process.stdin.isTTY) {
    throw new AppError(CLI_ERRORS.USAGE, { message: "set CYXWIZ_PASSWORD, or run this on a terminal to be asked" });
  }
  process.stderr.write(prompt);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const reader = createInterface({ input: process.stdin, output: silent, terminal: true });
  try {
    return await reader.question("");
  } finally {
    reader.close();
    process.stderr.write("\n");
  }
}
