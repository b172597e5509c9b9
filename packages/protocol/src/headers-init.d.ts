/**
 * The one DOM type that Connect's declarations name and Node's types lack. Programs with the DOM library have it
 * already, and those skip the check of declaration files.
 */
declare global {
  type HeadersInit = Headers | [string, string][] | Record<string, string>;
}

export {};
