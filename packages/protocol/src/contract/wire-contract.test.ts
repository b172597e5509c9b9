/**
 * Holds the generated code to `proto/contract.json`, the facts that deployed clients speak. `buf breaking` guards
 * everything against change; this guards the deployed part against additions below 100 as well.
 */
import { readFileSync } from "node:fs";
import { ScalarType } from "@bufbuild/protobuf";
import type { DescEnum, DescField, DescFile, DescMessage, DescService } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { OUR_FILES, WIRE_FILES } from "./wire-files.contract.ts";

const OUR_METHODS = new Set(["cyxwiz.protocol.NodeService.StreamTasks"]);
const FIRST_OWN_NUMBER = 100;

const contract = JSON.parse(
  readFileSync(new URL("../../../../proto/contract.json", import.meta.url), "utf8"),
) as Readonly<Record<string, readonly string[]>>;

function localName(file: DescFile, typeName: string): string {
  return typeName.slice(file.proto.package.length + 1);
}

function typeOf(field: DescField, scope: DescMessage): string {
  const named = field.message ?? field.enum;
  if (!named) return ScalarType[field.scalar ?? ScalarType.BYTES].toLowerCase();
  const name = localName(scope.file, named.typeName);
  return name.startsWith(`${scope.name}.`) ? name.slice(scope.name.length + 1) : name;
}

function fieldLine(field: DescField, scope: DescMessage): string {
  const value = typeOf(field, scope);
  const type = field.fieldKind === "map" ? `map<${ScalarType[field.mapKey].toLowerCase()},${value}>` : value;
  const list = field.fieldKind === "list" ? "repeated " : "";
  return `${field.name} = ${field.number} ${list}${type}${field.oneof ? ` (oneof ${field.oneof.name})` : ""}`;
}

function enumLine(file: DescFile, one: DescEnum): string {
  return `enum ${localName(file, one.typeName)}: ${one.values.map((value) => `${value.name}=${value.number}`).join(", ")}`;
}

function messageLines(file: DescFile, message: DescMessage): string[] {
  const fields = message.fields.filter((field) => field.number < FIRST_OWN_NUMBER);
  return [
    ...message.nestedEnums.map((one) => enumLine(file, one)),
    `message ${message.name}: ${fields.map((field) => fieldLine(field, message)).join("; ") || "(empty)"}`,
  ];
}

function serviceLines(file: DescFile, service: DescService): string[] {
  const methods = service.methods.filter((method) => !OUR_METHODS.has(`${service.typeName}.${method.name}`));
  return [
    `service ${service.name}`,
    ...methods.map(({ name, proto, input, output }) => {
      const from = `${proto.clientStreaming ? "stream " : ""}${localName(file, input.typeName)}`;
      const to = `${proto.serverStreaming ? "stream " : ""}${localName(file, output.typeName)}`;
      return `- ${name}: ${from} -> ${to}`;
    }),
  ];
}

describe("wire contract", () => {
  test("every deployed file is in the contract and the contract names no other", () => {
    expect(
      WIRE_FILES.filter((file) => !OUR_FILES.has(file.name))
        .map((file) => `${file.name}.proto`)
        .toSorted(),
    ).toEqual(Object.keys(contract).toSorted());
  });

  for (const file of WIRE_FILES.filter((one) => !OUR_FILES.has(one.name))) {
    test(`[PC1] ${file.name}: services, enums, and all fields below 100 are exactly the deployed ones`, () => {
      const lines = [
        ...file.services.flatMap((service) => serviceLines(file, service)),
        ...file.enums.map((one) => enumLine(file, one)),
        ...file.messages.flatMap((message) => messageLines(file, message)),
      ];
      expect(lines).toEqual(contract[`${file.name}.proto`]);
    });
  }

  test("the contract has all that deployed clients speak", () => {
    const lines = Object.values(contract).flat();
    const count = (start: string): number => lines.filter((line) => line.startsWith(start)).length;
    expect({
      services: count("service "),
      methods: count("- "),
      enums: count("enum "),
      messages: count("message "),
    }).toEqual({
      services: 14,
      methods: 107,
      enums: 25,
      messages: 248,
    });
  });
});
