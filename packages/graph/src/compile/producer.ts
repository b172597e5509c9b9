/** What every emitted file says about its maker. */
export const PRODUCER = { name: "CyxWiz", version: "0.1.0" } as const;
