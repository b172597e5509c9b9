import { expect, test } from "vitest";
import { loadOrtNode } from "./ort-node.ts";
import { loadOrtWeb } from "./ort-web.ts";
import { selectDriver } from "./select-driver.ts";
import { trainingDriverContract } from "./training-driver.contract.ts";

trainingDriverContract("ort-node", loadOrtNode);
trainingDriverContract("ort-web", loadOrtWeb);

const absent = (): Promise<never> => Promise.reject(new TypeError("no binding for this machine"));

test("the native driver is chosen where it loads, without a notice", async () => {
  const { driver, notice } = await selectDriver();
  expect(driver.id).toBe("ort-node");
  expect(driver.build).toMatch(/^onnxruntime-node \d+\.\d+\.\d+ \w+-\w+$/);
  expect(notice).toBeUndefined();
});

test("where the native driver does not load, WebAssembly runs and the owner is told why", async () => {
  const { driver, notice } = await selectDriver([absent, loadOrtWeb]);
  expect(driver.id).toBe("ort-web");
  expect(notice).toContain("no binding for this machine");
});

test("without any driver the error gives every reason", async () => {
  await expect(selectDriver([absent, absent])).rejects.toMatchObject({ code: "backend/driver-unavailable" });
});
