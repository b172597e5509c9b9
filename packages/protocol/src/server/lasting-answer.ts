/**
 * Answers that a handler gives again and again, and the bytes that were made of them.
 *
 * An answer whose every part is frozen can never say anything else, so its bytes are made once. That it is frozen is
 * looked at and not believed: one with a part that may still change is encoded anew each time. The bytes live exactly
 * as long as the answer that its handler keeps.
 */
import type { DescMessage, Message } from "@bufbuild/protobuf";

/**
 * Freezes an answer and everything in it, so that the gRPC adapter encodes it once however often it is given. Bytes
 * (`Uint8Array`) cannot be frozen: an answer that holds some is sent all the same, encoded each time.
 */
export function lastingAnswer<Answer extends object>(answer: Answer): Answer {
  if (ArrayBuffer.isView(answer) || Object.isFrozen(answer)) return answer;
  Object.freeze(answer);
  for (const part of Object.values(answer)) if (isObject(part)) lastingAnswer(part);
  return answer;
}

/** The bytes of lasting answers, each under the message type that it was encoded as. */
export class EncodedAnswers {
  readonly #known = new WeakMap<object, { readonly schema: DescMessage; readonly bytes: Uint8Array }>();

  /** The bytes of the answer as `schema`; `encode` makes them unless they are known. */
  bytesOf(schema: DescMessage, answer: Message, encode: () => Uint8Array): Uint8Array {
    const known = this.#known.get(answer);
    if (known?.schema === schema) return known.bytes;
    const bytes = encode();
    if (isLasting(answer)) this.#known.set(answer, { schema, bytes });
    return bytes;
  }
}

function isLasting(value: object): boolean {
  return Object.isFrozen(value) && Object.values(value).every((part) => !isObject(part) || isLasting(part));
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
