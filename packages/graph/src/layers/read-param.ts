/**
 * Typed reads of checked parameters.
 *
 * `Params` holds every entry of the layer's table with a value of the right kind, so a mismatch here is our own bug.
 */
import { assert } from "@cyxwiz/primitives";
import type { Params } from "../layer/layer-definition.ts";

export function numberParam(params: Params, name: string): number {
  const value = params[name];
  assert(typeof value === "number", `parameter ${name} is a number`);
  return value;
}

export function booleanParam(params: Params, name: string): boolean {
  const value = params[name];
  assert(typeof value === "boolean", `parameter ${name} is a boolean`);
  return value;
}

export function textParam(params: Params, name: string): string {
  const value = params[name];
  assert(typeof value === "string", `parameter ${name} is a text`);
  return value;
}
