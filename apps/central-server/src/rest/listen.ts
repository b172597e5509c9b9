import { AppError, errorMessage } from "@cyxwiz/primitives";
import { CENTRAL_ERRORS } from "../errors.ts";
import type { RestApp } from "./rest-app.ts";

/**
 * Opens the REST port at host:port (IPv6 hosts in brackets; port 0 picks one). Returns the URL to reach it from here.
 *
 * @throws AppError `central/address-unavailable`.
 */
export async function listen(app: RestApp, address: string): Promise<string> {
  const split = address.lastIndexOf(":");
  const host = address.slice(0, split).replaceAll(/[[\]]/g, "");
  try {
    await app.listen({ host, port: Number(address.slice(split + 1)) });
  } catch (cause) {
    const context = { key: "[server] rest_address", address, detail: errorMessage(cause) };
    throw new AppError(CENTRAL_ERRORS.ADDRESS_UNAVAILABLE, context, { cause });
  }
  const bound = app.server.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : 0;
  if (host === "0.0.0.0" || host === "::") return `http://127.0.0.1:${port}`;
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
