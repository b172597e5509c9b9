/**
 * The line between a program and the one that started it (`cyxwiz up`, `quickstart`): Node's IPC channel, when there is one.
 *
 * The program says when it is ready and where it listens. When the other side goes away, even by kill -9, the channel
 * closes and the program ends itself, so that nothing is left running. Started by a person or a service manager, there is
 * no channel and both calls do nothing.
 */

/** What a program says when it takes work. */
export type ReadyMessage = { readonly kind: "ready" } & Readonly<Record<string, string>>;

export function tellSupervisorReady(message: ReadyMessage): void {
  process.send?.(message);
}

/** Calls back once when the supervisor is gone. The channel alone does not keep this process alive. */
export function whenSupervisorGone(callback: () => void): void {
  if (process.send === undefined) return;
  if (process.connected) process.once("disconnect", callback);
  else callback();
  process.channel?.unref();
}
