import { expect, test } from "vitest";
import { createTestDatabase } from "./test-database.ts";

test("bigint columns arrive as bigint", async () => {
  await using database = await createTestDatabase();
  const { rows } = await (await import("kysely")).sql<{ n: bigint; t: Date }>`select 9007199254740993::bigint as n, now() as t`.execute(database.db);
  expect(rows[0]?.n).toBe(9007199254740993n);
  expect(rows[0]?.t).toBeInstanceOf(Date);
});
