import type { Clock } from "@cyxwiz/platform";

/** Whether the server is reached, and if not, since when and why. Shown in `status.json`. */
export class ConnectionState {
  readonly #clock: Clock;
  #isOnline = false;
  #sinceMs: number;
  #problem = "not connected yet";
  #onFirstOnline: (() => void) | undefined;

  constructor(clock: Clock, onFirstOnline?: () => void) {
    this.#clock = clock;
    this.#onFirstOnline = onFirstOnline;
    this.#sinceMs = clock.now();
  }

  established(): void {
    if (!this.#isOnline) this.#sinceMs = this.#clock.now();
    this.#isOnline = true;
    this.#problem = "";
    this.#onFirstOnline?.();
    this.#onFirstOnline = undefined;
  }

  lost(problem: string): void {
    if (this.#isOnline) this.#sinceMs = this.#clock.now();
    this.#isOnline = false;
    this.#problem = problem;
  }

  get isOnline(): boolean {
    return this.#isOnline;
  }

  snapshot(): { readonly state: "online" | "offline"; readonly since: string; readonly problem?: string } {
    const since = new Date(this.#sinceMs).toISOString();
    return this.#isOnline ? { state: "online", since } : { state: "offline", since, problem: this.#problem };
  }
}
