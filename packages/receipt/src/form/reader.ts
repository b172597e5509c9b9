/**
 * Small strict readers: a stranger's JSON value in, a typed value out, or `receipt/malformed` with the place.
 *
 * A reader is a function of the value and of the path to it; bigger ones are put together of smaller ones. They are
 * strict because what they read is signed: a member that is missing, unknown or of another form is refused, never
 * mended. They never recurse into what they do not expect, so no input can exhaust the stack.
 */
import { AppError, isAppError, printable } from "@cyxwiz/primitives";
import { RECEIPT_ERRORS } from "../errors.ts";
import { SHOWN_VALUE_CHARS } from "../limits.ts";

export type Reader<T> = (value: unknown, where: string) => T;

/** A string that matches, of Unicode text. */
export function text(form: RegExp, allowed: string): Reader<string> {
  return (value, where) => {
    if (typeof value !== "string" || !value.isWellFormed() || !form.test(value)) throw malformed(where, value, allowed);
    return value;
  };
}

/** A string that `parse` takes; the text itself is kept. What `parse` throws becomes `receipt/malformed`. */
export function textFor(parse: (text: string) => unknown, allowed: string): Reader<string> {
  return (value, where) => {
    if (typeof value !== "string") throw malformed(where, value, allowed);
    try {
      parse(value);
    } catch (cause) {
      if (!isAppError(cause)) throw cause;
      throw malformed(where, value, allowed, cause);
    }
    return value;
  };
}

/** A whole number from `min` to 2⁵³ − 1. */
export function whole(min: number): Reader<number> {
  return (value, where) => {
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < min) {
      throw malformed(where, value, `a whole number from ${min} to ${Number.MAX_SAFE_INTEGER}`);
    }
    return value;
  };
}

export const finite: Reader<number> = (value, where) => {
  if (typeof value !== "number" || !Number.isFinite(value)) throw malformed(where, value, "a number");
  return value;
};

export const flag: Reader<boolean> = (value, where) => {
  if (typeof value !== "boolean") throw malformed(where, value, "true or false");
  return value;
};

export function oneOf<const T extends string | number>(...options: readonly T[]): Reader<T> {
  return (value, where) => {
    const option = options.find((candidate) => candidate === value);
    if (option === undefined) throw malformed(where, value, options.map((name) => JSON.stringify(name)).join(" or "));
    return option;
  };
}

export function orNull<T>(reader: Reader<T>): Reader<T | null> {
  return (value, where) => (value === null ? null : reader(value, where));
}

export function list<T>(reader: Reader<T>, max: number): Reader<readonly T[]> {
  return (value, where) => {
    if (!Array.isArray(value)) throw malformed(where, value, "a list");
    if (value.length > max) throw malformed(where, value, `at most ${max} items`);
    return value.map((item: unknown, index) => reader(item, `${where}[${index}]`));
  };
}

/** An object with exactly these members. */
export function object<T extends object>(members: { readonly [Name in keyof T]-?: Reader<T[Name]> }): Reader<T> {
  const readers: readonly (readonly [string, Reader<unknown>])[] = Object.entries(members);
  const names = readers.map(([name]) => name);
  return (value, where) => {
    const found = membersOf(value, where);
    const unknown = Object.keys(found).find((name) => !names.includes(name));
    if (unknown !== undefined) {
      throw malformed(`${where}.${shown(unknown)}`, found[unknown], `no such member, only ${names.join(", ")}`);
    }
    return Object.fromEntries(readers.map(([name, reader]) => [name, reader(found[name], `${where}.${name}`)])) as T;
  };
}

/** One of several objects, told apart by their `kind`. */
export function byKind<T extends { readonly kind: string }>(readers: {
  readonly [Kind in T["kind"]]: Reader<Extract<T, { kind: Kind }>>;
}): Reader<T> {
  const byName: ReadonlyMap<unknown, Reader<T>> = new Map(Object.entries<Reader<T>>(readers));
  return (value, where) => {
    const { kind } = membersOf(value, where);
    const reader = byName.get(kind);
    if (reader === undefined) throw malformed(`${where}.kind`, kind, [...byName.keys()].join(" or "));
    return reader(value, where);
  };
}

/** The refusal of a value at a place. */
export function malformed(where: string, value: unknown, allowed: string, cause?: unknown): AppError {
  return new AppError(RECEIPT_ERRORS.MALFORMED, { where, found: described(value), allowed }, { cause });
}

function membersOf(value: unknown, where: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw malformed(where, value, "an object");
  return value as Readonly<Record<string, unknown>>;
}

function described(value: unknown): string {
  if (value === undefined) return "missing";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "string") return `"${shown(value)}"`;
  if (value === null) return "null";
  if (typeof value === "object") return "an object";
  return typeof value === "number" || typeof value === "boolean" ? String(value) : `of type ${typeof value}`;
}

/** The beginning of a stranger's text, fit to be shown. */
function shown(value: string): string {
  return printable(value.slice(0, SHOWN_VALUE_CHARS).toWellFormed());
}
