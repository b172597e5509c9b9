/**
 * Reads a configuration: a TOML file, the environment over it, defaults under it.
 *
 * A key that is not known is an error and not ignored, because a misspelt key means that the operator's wish is not done.
 */
import { readFile } from "node:fs/promises";
import { AppError, errorMessage } from "@cyxwiz/primitives";
import { parse } from "smol-toml";
import { embeddedFolder } from "../database/open-database.ts";
import { CENTRAL_ERRORS } from "../errors.ts";
import { CONFIG_KEYS, CONFIG_SECTIONS, validateConfig, type ConfigKey } from "./config-schema.ts";
import type { CentralServerConfig } from "./config.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** @throws AppError `central/config-unreadable`; those of `configFrom`. */
export async function loadConfig(file: string | undefined, environment: Environment): Promise<CentralServerConfig> {
  return configFrom(file === undefined ? "" : await readText(file), environment, file);
}

/**
 * A configuration from the text of a file. Pure.
 *
 * @throws AppError `central/config-unreadable` when it is not TOML; `central/config-malformed`, naming key, value, what
 *   is allowed and the fix.
 */
export function configFrom(text: string, environment: Environment, file = "configuration"): CentralServerConfig {
  const sections = checkedSections(parseToml(text, file), file);
  const sources = new Map<string, string>();
  for (const key of CONFIG_KEYS) {
    const value = environment[key.environment];
    if (value === undefined) continue;
    sections[key.section] = { ...sections[key.section], [key.key]: fromEnvironment(key, value) };
    sources.set(`${key.section}.${key.key}`, `environment variable ${key.environment}`);
  }
  refuseUnknownVariables(environment);
  const result = validateConfig(sections);
  if (result.kind === "refused") {
    throw refused(result.path, sections, sources.get(result.path.slice(0, 2).join(".")) ?? file);
  }
  const { config } = result;
  if (config.jwt.secret === undefined && embeddedFolder(config.database.url) === undefined) {
    const fix = "A server on a shared database needs a secret of its own";
    throw malformed({
      source: file,
      key: "[jwt] secret",
      value: "(missing)",
      allowed: allowedFor("jwt", "secret"),
      fix,
    });
  }
  return config;
}

type Sections = Record<string, Record<string, unknown>>;

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw new AppError(CENTRAL_ERRORS.CONFIG_UNREADABLE, { file, detail: errorMessage(cause) }, { cause });
  }
}

function parseToml(text: string, file: string): Record<string, unknown> {
  try {
    return parse(text);
  } catch (cause) {
    const detail = errorMessage(cause).split("\n\n")[0] ?? "not TOML";
    throw new AppError(CENTRAL_ERRORS.CONFIG_UNREADABLE, { file, detail }, { cause });
  }
}

/** Every section present, and no name in it that is not a key. */
function checkedSections(parsed: Record<string, unknown>, file: string): Sections {
  const sections: Sections = Object.fromEntries(CONFIG_SECTIONS.map((section) => [section, {}]));
  for (const [section, content] of Object.entries(parsed)) {
    if (!CONFIG_SECTIONS.includes(section)) {
      throw malformed({
        source: file,
        key: `[${section}]`,
        value: "(a section)",
        allowed: CONFIG_SECTIONS.join(", "),
        fix: didYouMean(section, CONFIG_SECTIONS),
      });
    }
    if (typeof content !== "object" || content === null || Array.isArray(content)) {
      throw malformed({
        source: file,
        key: section,
        value: shown(content),
        allowed: `a section [${section}] with keys`,
        fix: "Put it in brackets on a line of its own",
      });
    }
    const keys = CONFIG_KEYS.filter((key) => key.section === section).map(({ key }) => key);
    for (const name of Object.keys(content)) {
      if (!keys.includes(name)) {
        throw malformed({
          source: file,
          key: `[${section}] ${name}`,
          value: "(a key)",
          allowed: keys.join(", "),
          fix: didYouMean(name, keys),
        });
      }
    }
    sections[section] = { ...content };
  }
  return sections;
}

function refuseUnknownVariables(environment: Environment): void {
  const known = CONFIG_KEYS.map((key) => key.environment);
  const sections = CONFIG_SECTIONS.map((section) => `CYXWIZ_${section.toUpperCase()}_`);
  for (const name of Object.keys(environment)) {
    // Other CYXWIZ_ variables belong to other programs of the family.
    if (known.includes(name) || !sections.some((prefix) => name.startsWith(prefix))) continue;
    throw malformed({
      source: "environment",
      key: name,
      value: "(a variable)",
      allowed: "a variable listed in README",
      fix: didYouMean(name, known),
    });
  }
}

/** A variable's text as the key's kind; text that does not fit stays text, and validation says what is allowed. */
function fromEnvironment(key: ConfigKey, text: string): unknown {
  if (key.kind === "number" && /^-?\d+$/.test(text)) return Number(text);
  if (key.kind === "boolean" && /^(true|false)$/.test(text)) return text === "true";
  if (key.kind === "list") return text === "" ? [] : text.split(",").map((item) => item.trim());
  return text;
}

function refused(path: readonly string[], sections: Sections, source: string): AppError {
  const [section = "", key = ""] = path;
  const value = /secret|url|keypair/.test(key) ? "(hidden)" : shown(sections[section]?.[key]);
  return malformed({
    source,
    key: `[${section}] ${key}`,
    value,
    allowed: allowedFor(section, key),
    fix: "Correct it, or remove it for the default",
  });
}

function allowedFor(section: string, key: string): string {
  return CONFIG_KEYS.find((known) => known.section === section && known.key === key)?.allowed ?? "another value";
}

function malformed(context: { source: string; key: string; value: string; allowed: string; fix: string }): AppError {
  return new AppError(CENTRAL_ERRORS.CONFIG_MALFORMED, context);
}

function shown(value: unknown): string {
  return (JSON.stringify(value) ?? "(missing)").slice(0, 80);
}

function didYouMean(name: string, known: readonly string[]): string {
  const nearest = known.toSorted((a, b) => editDistance(name, a) - editDistance(name, b))[0] ?? "";
  return editDistance(name, nearest) <= Math.max(2, name.length / 2) ? `Did you mean ${nearest}?` : "Remove it";
}

/** Levenshtein distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
