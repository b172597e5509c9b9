import { pino, type Logger as Pino } from "pino";
import type { LogFields, Logger, LogLevel } from "./logger.ts";

/** Names that never reach a log line, whatever object carries them. */
const SECRET_FIELDS = ["password", "token", "secret", "apiKey", "api_key", "authorization", "privateKey"];

/** JSON lines through pino, to standard error by default so that standard output stays free for results. */
export function createLogger(options: { level: LogLevel; name: string; file?: string }): Logger {
  const destination = pino.destination({ dest: options.file ?? 2, sync: true, mkdir: true });
  const redact = { paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`]), censor: "[secret]" };
  return wrap(pino({ name: options.name, level: options.level, redact, base: { name: options.name } }, destination));
}

function wrap(inner: Pino): Logger {
  return {
    debug: (message, fields) => inner.debug(fields ?? {}, message),
    info: (message, fields) => inner.info(fields ?? {}, message),
    warn: (message, fields) => inner.warn(fields ?? {}, message),
    error: (message, fields) => inner.error(fields ?? {}, message),
    with: (fields: LogFields) => wrap(inner.child(fields)),
  };
}
