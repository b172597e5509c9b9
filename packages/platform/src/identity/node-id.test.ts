import { isUuid } from "@cyxwiz/primitives";
import { expect, test } from "vitest";
import { nodeIdOfPublicKey, uuidV5 } from "./node-id.ts";

test("uuidV5 gives the example of RFC 9562, appendix A.4", () => {
  const dns = Buffer.from("6ba7b8109dad11d180b400c04fd430c8", "hex");
  expect(uuidV5(dns, Buffer.from("www.example.com"))).toBe("2ed6657d-e927-568b-95e1-2665a8aea6a2");
});

test("a node id is a UUID that its key alone decides", () => {
  const key = new Uint8Array(32).fill(7);
  expect(nodeIdOfPublicKey(key)).toBe(nodeIdOfPublicKey(key.slice()));
  expect(nodeIdOfPublicKey(key)).not.toBe(nodeIdOfPublicKey(new Uint8Array(32).fill(8)));
  expect(isUuid(nodeIdOfPublicKey(key))).toBe(true);
});
