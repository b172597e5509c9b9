import { expect, test } from "vitest";
import { datasetInput } from "./dataset-input.ts";
import { withParams } from "./with-params.contract.ts";

test("DatasetInput hands the sample's shape on, trains nothing and costs nothing", () => {
  const params = withParams(datasetInput);
  expect(datasetInput.infer([[3, 32, 32]], params)).toEqual({ kind: "shape", shape: [3, 32, 32] });
  expect(datasetInput.parameters("n", [[4]], params)).toEqual([]);
  expect(datasetInput.cost([[4]], [4], params).forwardFlops).toBe(0);
});

test("DatasetInput refuses samples that no layer takes", () => {
  const result = datasetInput.infer([[2, 3, 32, 32]], withParams(datasetInput));
  expect(result).toMatchObject({ kind: "problem", message: expect.stringContaining("[2, 3, 32, 32]") });
});
