export {};

/** Types of the web that the declarations of papaparse and onnxruntime name in passing; nothing here uses them. */
declare global {
  type BufferSource = ArrayBufferView | ArrayBuffer;
  interface HTMLImageElement {
    readonly width: number;
  }
  interface ImageBitmap {
    readonly width: number;
  }
  interface ImageData {
    readonly width: number;
  }
  interface WebGLRenderingContext {
    readonly drawingBufferWidth: number;
  }
  interface WebGLTexture {
    readonly label?: never;
  }
}
