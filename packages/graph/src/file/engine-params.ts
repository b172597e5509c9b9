/**
 * Reads the text parameters of an Engine node as typed parameters of our catalogue.
 *
 * Keys are matched by name, by alias, without regard to case and separators, and at last by one or two wrong letters.
 * A value that cannot be read leaves the default; either way the person is told.
 */
import type { LayerDefinition, ParamDefinition } from "../layer/layer-definition.ts";
import type { ParamValue } from "../model/graph.ts";
import { describeAllowed, judgeValue } from "../shape/resolve-params.ts";
import type { AssumptionCode } from "./assumption.ts";
import type { EngineNode } from "./engine-file.ts";
import { showJson } from "./read-json.ts";
import { cleanLine } from "./read-text.ts";

/** Keys that say what follows from the shapes here, or belong to another layer of the same row of the format's table. */
const NOT_NEEDED: ReadonlySet<string> = new Set(
  [
    "normalized_shape num_groups num_channels num_features in_features in_channels input_size input_dim",
    "depth_multiplier negative_slope num_parameters init alpha dim beta momentum beta1 beta2 epsilon eps",
    "weight_decay epochs activation",
  ].flatMap((row) => row.split(" ")),
);

/** Keys that change nothing at these values. */
const NEUTRAL: Readonly<Record<string, readonly string[]>> = {
  reduction: ["mean"],
  lr_decay: ["0"],
  dilation: ["1"],
  dilation_rate: ["1"],
  groups: ["1"],
};

/** Keys that change what the layer computes, in a way that the catalogue has no word for. */
const COMPUTES_OTHERWISE: ReadonlySet<string> = new Set(["dilation", "dilation_rate", "groups"]);

export interface EngineParams {
  readonly params: Readonly<Record<string, ParamValue>>;
  readonly notes: readonly { readonly code: AssumptionCode; readonly message: string }[];
  /** Settings that make the layer one that is not supported: "groups 2". */
  readonly unsupported: readonly string[];
}

export function readEngineParams(node: EngineNode, definition: LayerDefinition): EngineParams {
  const params = new Map<string, ParamValue>();
  const notes: EngineParams["notes"][number][] = [];
  const unsupported: string[] = [];
  const note = (code: AssumptionCode, message: string): number => notes.push({ code, message });
  // Exact keys first, so that an alias never takes the place of the real one.
  const keys = [...node.parameters.keys()].toSorted((a, b) => rank(b, definition) - rank(a, definition));
  for (const key of keys) {
    const raw = node.parameters.get(key) ?? "";
    const shown = `${cleanLine(key, 40) ?? "?"} ${showJson(raw)}`;
    if (isNeutral(key, raw)) continue;
    if (COMPUTES_OTHERWISE.has(key)) {
      unsupported.push(`${key} ${String(raw).slice(0, 20)}`);
      continue;
    }
    const name = key === "activation" ? undefined : matchKey(key, definition);
    const entry = name === undefined ? undefined : definition.params[name];
    if (name === undefined || !entry) {
      if (!NOT_NEEDED.has(key)) note("parameter-left-out", `${shown} has no meaning here: left out`);
      continue;
    }
    if (params.has(name)) {
      note("parameter-left-out", `${shown} says ${name} a second time: left out`);
      continue;
    }
    if (key !== name) note("parameter-renamed", `${cleanLine(key, 40) ?? "?"} read as ${name}`);
    const value = readValue(raw, entry);
    if (value === undefined) {
      note("parameter-not-read", `${shown} is not ${describeAllowed(entry)}: ${showJson(entry.default)} used`);
    } else params.set(name, value);
  }
  const changed = [...params].filter(([name, value]) => definition.params[name]?.default !== value);
  return { params: Object.fromEntries(changed), notes, unsupported };
}

function rank(key: string, definition: LayerDefinition): number {
  return Object.hasOwn(definition.params, key) ? 1 : 0;
}

function isNeutral(key: string, raw: ParamValue): boolean {
  if (!Object.hasOwn(NEUTRAL, key)) return false;
  const text = String(raw).trim().toLowerCase();
  return (NEUTRAL[key] ?? []).some((neutral) => text === neutral || (text !== "" && Number(text) === Number(neutral)));
}

function matchKey(key: string, definition: LayerDefinition): string | undefined {
  const names = Object.keys(definition.params);
  if (names.includes(key)) return key;
  const plain = plainKey(key);
  const spelled = names.find((name) =>
    [name, ...(definition.params[name]?.aliases ?? [])].some((known) => plainKey(known) === plain),
  );
  if (spelled !== undefined || NOT_NEEDED.has(key)) return spelled;
  const close = names.filter((name) => isMisspelling(plain, plainKey(name)));
  return close.length === 1 ? close[0] : undefined;
}

function plainKey(key: string): string {
  return key.toLowerCase().replaceAll(/[^a-z0-9]/g, "");
}

/** At most two wrong letters in a long word, one in a short one, none in a very short one. */
function isMisspelling(written: string, name: string): boolean {
  const allowed = name.length >= 8 ? 2 : name.length >= 4 ? 1 : 0;
  if (Math.abs(written.length - name.length) > allowed) return false;
  return editDistance(written, name) <= allowed;
}

/** Letters to add, drop, replace or swap with their neighbour (optimal string alignment); `isMisspelling` bounds the lengths. */
function editDistance(a: string, b: string): number {
  let before: readonly number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swapped = isSwap ? (before[j - 2] ?? 0) + 1 : replaced;
      next.push(Math.min(replaced, swapped, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    before = row;
    row = next;
  }
  return row[b.length] ?? 0;
}

/** A value of the parameter's kind; numbers out of range stay, because the check names them with their range. */
function readValue(raw: ParamValue, entry: ParamDefinition): ParamValue | undefined {
  const value = convert(raw, entry);
  if (value === undefined) return undefined;
  const verdict = judgeValue(value, entry);
  if (verdict === "wrong-type") return undefined;
  return verdict === "fits" || typeof value === "number" ? value : undefined;
}

function convert(raw: ParamValue, entry: ParamDefinition): ParamValue | undefined {
  const text = String(raw).trim();
  switch (entry.kind) {
    case "integer":
    case "number":
      return readNumber(text);
    case "boolean":
      return readBoolean(text);
    case "choice":
      return readChoice(text, entry.choices);
    case "choice-or-integer":
      return readChoice(text, entry.choices) ?? readNumber(text);
    case "text":
      return cleanLine(text, entry.maxLength) ?? "";
  }
}

/** A number, also one that is said for every axis alike: "3,3", "(3, 3)", "3x3". */
function readNumber(text: string): number | undefined {
  const parts = text.replaceAll(/[()[\]]/g, "").split(/\s*[,x×]\s*/);
  const [first, ...others] = parts;
  if (first === undefined || first === "" || others.some((part) => part !== first)) return undefined;
  const value = Number(first);
  return Number.isFinite(value) ? value : undefined;
}

function readBoolean(text: string): boolean | undefined {
  const word = text.toLowerCase();
  if (["true", "1", "yes", "on"].includes(word)) return true;
  return ["false", "0", "no", "off"].includes(word) ? false : undefined;
}

const CHOICE_WORDS: Readonly<Record<string, string>> = { val: "validation", training: "train", testing: "test" };

function readChoice(text: string, choices: readonly string[]): string | undefined {
  const word = text.toLowerCase();
  const other = Object.hasOwn(CHOICE_WORDS, word) ? CHOICE_WORDS[word] : undefined;
  return [word, other].find((candidate) => candidate !== undefined && choices.includes(candidate));
}
