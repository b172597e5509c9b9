const NODE_ID = /^[A-Za-z0-9_-]{1,64}$/;

/** True for an id that a node may carry: letters, digits, `-` and `_`, 1 to 64 of them. */
export function isNodeId(id: string): boolean {
  return NODE_ID.test(id);
}
