export { CYXCLOUD_ERRORS } from "./errors.ts";
export { FileObjectStore } from "./object-store/file-object-store.ts";
export { MemoryObjectStore } from "./object-store/memory-object-store.ts";
export type { ByteRange, ObjectStore, StoredObject } from "./object-store/object-store.ts";
export { unixfsCid } from "./object-store/unixfs-cid.ts";
