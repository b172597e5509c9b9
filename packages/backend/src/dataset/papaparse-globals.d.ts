/** `@types/papaparse` names this type of the web, which Node's own types do not make global. */
type BufferSource = ArrayBufferView | ArrayBuffer;
