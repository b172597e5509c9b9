import { expect, test } from "vitest";
import { printable } from "./printable.ts";

test("control characters are shown as replacement characters, everything else as it is", () => {
  expect(printable("evil\u0000name\u001b[31m\u007f\u009b")).toBe("evil\ufffdname\ufffd[31m\ufffd\ufffd");
  expect(printable("Größe 1 ⁄ 2 – 大")).toBe("Größe 1 ⁄ 2 – 大");
});
