import type { Allocation } from "./allocation.ts";

/** What a unit measured of itself; quotes use it, not the device's label. */
export interface UnitSpeed {
  readonly trainFlopsPerSecond: number;
  readonly lowering: string;
  readonly build: string;
  readonly hardwareClass: string;
}

/** A shared device as it is offered: with its speed, or with why it cannot be offered. */
export type UnitOffer =
  | { readonly kind: "ready"; readonly allocation: Allocation; readonly speed: UnitSpeed }
  | { readonly kind: "not-offered"; readonly allocation: Allocation; readonly reason: string };
