/**
 * Where a command reads and writes. Results go to `out`, everything that is said on the way goes to `say` (standard
 * error), so that `--json` output can be piped while a person still sees progress.
 */
import { stripVTControlCharacters, styleText } from "node:util";

export interface Terminal {
  readonly json: boolean;
  /** True when `say` is a screen that can redraw a line. */
  readonly live: boolean;
  readonly width: number;
  readonly color: boolean;
  out(text: string): void;
  say(text: string): void;
  /** Replaces the line that the last `redraw` wrote; on a plain stream it does nothing. */
  redraw(line: string): void;
}

export interface TerminalOptions {
  readonly json: boolean;
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };
  readonly env: NodeJS.ProcessEnv;
}

export function createTerminal(options: TerminalOptions): Terminal {
  const { stdout, stderr, env } = options;
  const live = stderr.isTTY === true && env["TERM"] !== "dumb";
  const color = (live && !env["NO_COLOR"]) || env["FORCE_COLOR"] !== undefined;
  // A result that is sent to a file or a pipe stays plain, whatever the screen beside it can show.
  const plainOut = stdout.isTTY !== true && env["FORCE_COLOR"] === undefined;
  const width = Math.min(stderr.columns ?? 100, 120);
  let drawn = false;
  const clear = (): void => {
    if (drawn) stderr.write("\r\u001B[2K");
    drawn = false;
  };
  return {
    json: options.json,
    live,
    width,
    color,
    out: (text) => {
      clear();
      stdout.write(`${plainOut ? stripVTControlCharacters(text) : text}\n`);
    },
    say: (text) => {
      clear();
      stderr.write(`${text}\n`);
    },
    redraw: (line) => {
      if (!live) return;
      clear();
      stderr.write(line.slice(0, width + 20));
      drawn = true;
    },
  };
}

export type Tone = "bold" | "dim" | "green" | "red" | "yellow" | "cyan";

export function tint(terminal: Pick<Terminal, "color">, tone: Tone, text: string): string {
  return terminal.color ? styleText(tone, text, { validateStream: false }) : text;
}
