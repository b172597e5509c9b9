import { expect, test } from "vitest";
import { formatAmount } from "@cyxwiz/primitives";
import { defaultPricePerHour, type PricedDevice } from "./default-price.ts";

const GIB = 2 ** 30;

test.each<[PricedDevice, string]>([
  [{ driver: "cuda", vramBytes: 16 * GIB }, "0.57"],
  [{ driver: "cuda", vramBytes: 24_564 * 2 ** 20 }, "0.73"],
  [{ driver: "opencl", vramBytes: 8 * GIB }, "0.23"],
  [{ driver: "cpu", cores: 8 }, "0.09"],
])("[PR7] %j costs %s an hour when its owner set no price", (device, price) => {
  expect(formatAmount(defaultPricePerHour(device))).toBe(price);
});
