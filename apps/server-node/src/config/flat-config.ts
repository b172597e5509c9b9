/**
 * Nested tables of a configuration → flat `section.key` entries, checked one by one against the table of keys.
 *
 * All problems are collected, so that an owner fixes a file once and not once per line.
 */
import { CONFIG_KEYS } from "./config-keys.ts";
import { nearestKey } from "./nearest-key.ts";

export interface FlatConfig {
  readonly values: ReadonlyMap<string, unknown>;
  readonly problems: readonly string[];
}

/** Checks every entry of the tables and of the environment, which wins. Pure. */
export function flatConfig(tables: unknown, env: Readonly<Record<string, string | undefined>>): FlatConfig {
  const problems: string[] = [];
  const values = new Map<string, unknown>();
  for (const [key, value] of entries(tables)) {
    if (!(key in CONFIG_KEYS)) problems.push(unknownKey(key));
    else check({ key, value, from: key, values, problems });
  }
  for (const [key, { env: name }] of Object.entries(CONFIG_KEYS)) {
    const value = name === undefined ? undefined : env[name];
    if (value) check({ key, value, from: `${name} (${key})`, values, problems });
  }
  return { values, problems };
}

interface Candidate {
  readonly key: string;
  readonly value: unknown;
  /** How messages call it. */
  readonly from: string;
  readonly values: Map<string, unknown>;
  readonly problems: string[];
}

function check({ key, value, from, values, problems }: Candidate): void {
  const known = CONFIG_KEYS[key];
  const parsed = known?.schema.safeParse(value);
  if (parsed?.success) values.set(key, parsed.data);
  else
    problems.push(
      `${from} is ${known?.secret ? "not readable" : shown(value)}: allowed is ${known?.allowed}. Change it or leave it out`,
    );
}

function unknownKey(key: string): string {
  const known = Object.keys(CONFIG_KEYS);
  const near = nearestKey(key, known);
  const section = key.slice(0, key.lastIndexOf(".") + 1);
  const siblings = known.filter((other) => other.startsWith(section)).map((other) => other.slice(section.length));
  if (near) return `${key} is not a key: did you mean ${near}?`;
  if (section && siblings.length > 0)
    return `${key} is not a key: [${section.slice(0, -1)}] has ${siblings.join(", ")}`;
  const sections = [...new Set(known.map((other) => `[${other.slice(0, other.lastIndexOf("."))}]`))];
  return `${key} is not a key: the sections are ${sections.join(", ")}`;
}

/** `{ node: { name } }` → `["node.name", …]`. Lists are values. */
function* entries(value: unknown, prefix = ""): Generator<[string, unknown]> {
  if (!isTable(value)) {
    yield [prefix, value];
    return;
  }
  for (const [name, inner] of Object.entries(value)) {
    const key = prefix ? `${prefix}.${name}` : name;
    if (isTable(inner)) yield* entries(inner, key);
    else yield [key, inner];
  }
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function shown(value: unknown): string {
  const text = JSON.stringify(value, (_key, inner: unknown) => (typeof inner === "bigint" ? inner.toString() : inner));
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
