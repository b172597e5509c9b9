import { expect, test } from "vitest";
import { LAYER_TYPES } from "../model/layer-type.ts";
import { CATALOGUE } from "./catalogue.ts";
import { withParams } from "./with-params.contract.ts";

const definitions = Object.entries(CATALOGUE);

test("every layer type has one definition of its own name", () => {
  expect(Object.keys(CATALOGUE).toSorted()).toEqual([...LAYER_TYPES].toSorted());
  for (const [type, definition] of definitions) expect(definition.type).toBe(type);
});

test("every layer has its own number in Engine files", () => {
  expect(new Set(definitions.map(([, definition]) => definition.engineNumber)).size).toBe(definitions.length);
});

test.each(definitions)("%s explains itself and every parameter in sentences", (_type, definition) => {
  expect(definition.summary).toMatch(/^[A-Z].*\.$/);
  expect(definition.documentation).toMatch(/\.$/);
  for (const param of Object.values(definition.params)) expect(param.help).toMatch(/^[A-Z].*\.$/);
});

test.each(definitions)("the defaults of %s are allowed", (_type, definition) => {
  expect(() => withParams(definition, withParams(definition))).not.toThrow();
});

test.each(definitions)("no alias of %s is a parameter or another one's alias", (_type, definition) => {
  const names = Object.entries(definition.params).flatMap(([name, param]) => [name].concat(param.aliases ?? []));
  expect(new Set(names).size).toBe(names.length);
});

test.each(definitions)(
  "%s has a lowering exactly if it computes something between data and loss",
  (_type, definition) => {
    expect(definition.lower !== undefined).toBe(definition.role === "layer" || definition.role === "output");
  },
);
