import { createServer } from "node:net";

/** `preferred` when it is free on loopback, otherwise 0: the program then takes any free port itself. */
export async function preferredOrAnyPort(preferred: number): Promise<number> {
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<boolean>();
  server.once("error", () => resolve(false));
  server.listen(preferred, "127.0.0.1", () => resolve(true));
  const free = await promise;
  await new Promise<void>((done) => {
    server.close(() => done());
  });
  return free ? preferred : 0;
}
