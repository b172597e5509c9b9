/**
 * A stranger's text as it may be kept and shown: control characters, which PostgreSQL refuses and terminals obey, become
 * U+FFFD. Pure.
 */
export function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, "\u{fffd}");
}
