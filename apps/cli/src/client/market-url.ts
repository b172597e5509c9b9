/** Where a market is: what was asked for, then CYXWIZ_URL, then what the last login remembered, then this computer. */
import { AppError } from "@cyxwiz/primitives";
import { CLI_ERRORS } from "../errors.ts";

const DEFAULT_URL = "http://127.0.0.1:8080";

/** @throws AppError `cli/usage` when CYXWIZ_URL is not an http address. */
export function marketUrl(env: NodeJS.ProcessEnv, options: { asked?: string; remembered?: string }): string {
  if (options.asked !== undefined) return options.asked;
  const given = env["CYXWIZ_URL"];
  if (given !== undefined && !isHttpUrl(given)) {
    const message = `CYXWIZ_URL is "${given}": expected an address like ${DEFAULT_URL}`;
    throw new AppError(CLI_ERRORS.USAGE, { message });
  }
  return given ?? options.remembered ?? DEFAULT_URL;
}

/** A bare "localhost:8080" is not one: a URL parser reads "localhost:" as its scheme. */
export function isHttpUrl(text: string): boolean {
  return /^https?:$/.test(URL.parse(text)?.protocol ?? "");
}
